"""What one tenant gets of everything that is being tried, and why, in words."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from tenants.flags.evaluation import answer
from tenants.flags.models import TenantFlags
from tenants.flags.queries import definition_of, living_tenants, whole_flags

from . import words


@admin.register(TenantFlags)
class TenantFlagsAdmin(GovernedAdmin):
    family = "tenant"
    mount = "tenant-flags"
    title = gettext_lazy("Flags by tenant")
    explain = gettext_lazy("Choose a tenant to see what is being tried there, and why.")
    list_display = ("name", "tier", "status")
    list_select_related = ("tier",)
    search_fields = ("name", "display_name")
    ordering = ("name",)
    shows_trail = False
    object_template = "flags/tenant.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        found = TenantFlags.objects.visible_to(actor).filter(pk__in=living_tenants().values("pk"))
        return found.select_related("tier", "business_unit")

    def under(self, tenant: TenantFlags) -> str:
        return tenant.display_name

    def heading(self, tenant: TenantFlags) -> str:
        return _("What is being tried in %(tenant)s") % {"tenant": tenant.name}

    def state(self, tenant: TenantFlags) -> str:
        return ""

    def sentence(self, tenant: TenantFlags, actor: Actor) -> str:
        return _(
            "A %(tier)s tenant of %(unit)s. Each line says what it is for, who answers for it, and when it ends."
        ) % {
            "tier": tenant.tier.name,
            "unit": tenant.business_unit.name,
        }

    def extra(self, tenant: TenantFlags, actor: Actor) -> dict[str, Any]:
        rows = list(whole_flags([tenant.pk]).select_related("owner__person").order_by("expires_on", "key"))
        flags = {one.key: definition_of(one) for one in rows}
        found = []
        for one in rows:
            got = answer(flags, flags[one.key], tenant.pk, tenant.tier_id)
            found.append(
                {
                    "flag": one,
                    "url": reverse("admin:flags_flag_change", args=[one.key]),
                    "ends": words.ends(one),
                    "is_on": words.is_on(flags[one.key], got),
                    "shown": words.shown(flags[one.key], got),
                    "why": words.because(got),
                }
            )
        return {"rows": found}
