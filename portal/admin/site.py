"""The console: the one admin site, mounted at the root."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from portal.audit.context import acting

from . import doors, eyes, home, reason, search, signin
from .governed import GovernedAdmin
from .saved.pages import views_page


class Console(AdminSite):
    """Every page of the portal. Pages are GovernedAdmins; what they may show is the policy's business."""

    site_title = site_header = "Bailiwick"
    final_catch_all_view = False
    enable_nav_sidebar = False

    def governed(self) -> list[GovernedAdmin]:
        return [page for page in self._registry.values() if isinstance(page, GovernedAdmin)]

    def url_of(self, label: str, key: str) -> str:
        """The page of an object known by its model's label and key; empty when there is no such page."""
        page = next((one for one in self.governed() if one.opts.label_lower == label), None)
        return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_change", args=[key]) if page and key else ""

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return super().admin_view(doors.open_door(view), cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        door = self.admin_view
        pages = [path(f"{page.mount}/", include(page.get_urls())) for page in self.governed()]
        return [
            path("", door(self.index), name="index"),
            path("login/", self.login, name="login"),
            path("logout/", self.logout, name="logout"),
            path("search/", door(self.search), name="search"),
            path("eyes/", door(self.eyes), name="eyes"),
            path("reason/", door(self.reason), name="reason"),
            path("views/", door(self.views), name="views"),
            path("theme/", csrf_protect(signin.theme), name="theme"),
            path("account/password/", door(self.password_change), name="password_change"),
            path("account/password/done/", door(self.password_change_done), name="password_change_done"),
            *pages,
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {"site_title": self.site_title, "has_permission": self.has_permission(request), "is_popup": False}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return home.home(self, request)

    def search(self, request: HttpRequest) -> HttpResponse:
        return search.search(self, request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        with acting(eyes.narrow(request), "their own password"):
            return super().password_change(request, extra_context)

    def eyes(self, request: HttpRequest) -> HttpResponse:
        return signin.eyes_page(self, request)

    def reason(self, request: HttpRequest) -> HttpResponse:
        return reason.reason_page(request)

    def views(self, request: HttpRequest) -> HttpResponse:
        return views_page(self, request)

    @method_decorator([never_cache, csrf_protect, sensitive_post_parameters("password")])
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return signin.sign_in_page(self, request)

    @method_decorator([never_cache, csrf_protect])
    def logout(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        logout(request)
        return HttpResponseRedirect(reverse("admin:login"))
