"""Mail through Django's backend: files by default, SMTP by setting. The link opens the page and never acts."""

import smtplib
from collections.abc import Mapping

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from .message import Message, Outcome


def check(target: Mapping[str, str]) -> dict[str, str]:
    """Mail goes to the people a notice is for; there is nothing to configure."""
    return {}


def send(target: Mapping[str, str], message: Message) -> Outcome:
    """Send to one person. An error names its kind only: servers quote addresses in theirs."""
    if not message.to:
        return Outcome(False, error="The person has no mail address.", is_final=True)
    try:
        compose(message).send()
    except smtplib.SMTPResponseException as error:
        return Outcome(False, error=f"SMTP {error.smtp_code}", status=None, is_final=error.smtp_code in (550, 553))
    except smtplib.SMTPRecipientsRefused:
        return Outcome(False, error="SMTP refused the recipient", is_final=True)
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(False, error=type(error).__name__)
    return Outcome(True)


def compose(message: Message) -> EmailMultiAlternatives:
    """The message as text and simple HTML."""
    context = {"message": message}
    mail = EmailMultiAlternatives(
        subject=" ".join(message.title.split()),
        body=render_to_string("mail/notice.txt", context),
        to=[message.to],
        headers={"Message-ID": f"<{message.id}@bailiwick>", "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(render_to_string("mail/notice.html", context), "text/html")
    return mail
