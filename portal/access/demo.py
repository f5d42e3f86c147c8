"""The people of the embedded demo, one for every role. Shown on the sign-in page only in the embedded default."""

from typing import TypedDict

PASSWORD = "bailiwick-demo-only"  # noqa: S105 - published on purpose, refused outside the embedded runtime


class DemoPerson(TypedDict):
    username: str
    full_name: str
    role: str
    scope_type: str
    scope_id: str
    line: str
    password: str


def _person(username: str, full_name: str, role: str, line: str, unit: str = "") -> DemoPerson:
    return {
        "username": username,
        "full_name": full_name,
        "role": role,
        "scope_type": "business_unit" if unit else "global",
        "scope_id": unit,
        "line": line,
        "password": PASSWORD,
    }


PEOPLE: list[DemoPerson] = [
    _person(
        "meera",
        "Meera Iyer",
        "tenant_admin",
        "Champion of Finance: asks for tenants, accepts them",
        "FIN",
    ),
    _person("arjun", "Arjun Rao", "tenant_admin", "Champion of Human Resources", "HR"),
    _person("ishaan", "Ishaan Bose", "tenant_admin", "Champion of Risk", "RISK"),
    _person("clara", "Clara Moreau", "tenant_admin", "Champion of Europe Operations", "EUOPS"),
    _person("nadia", "Nadia Khan", "tenant_viewer", "Analyst in Finance: looks, changes nothing", "FIN"),
    _person("vikram", "Vikram Shah", "cfo", "Chief Financial Officer: signs above ₹10 lakh a year"),
    _person("leela", "Leela Menon", "cco", "Chief Compliance Officer: signs for personal, health and financial data"),
    _person("thomas", "Thomas Weber", "legal", "Legal counsel: signs when data leaves the home country"),
    _person(
        "sanjay", "Sanjay Gupta", "cto", "Chief Technology Officer: signs for platinum and gold, and platinum's moves"
    ),
    _person("anita", "Anita Desai", "change_board", "Chairs the change advisory board: signs every move of a tenant"),
    _person("farah", "Farah Ali", "compliance_officer", "Compliance officer: holds, residency, certificates"),
    _person("oliver", "Oliver Grant", "auditor", "Auditor: reads everything, changes nothing"),
    _person("kiran", "Kiran Das", "platform_engineer", "Platform engineer: runs and resumes jobs"),
    _person("priya", "Priya Nair", "platform_admin", "Platform administrator: tiers, people, rules"),
]
