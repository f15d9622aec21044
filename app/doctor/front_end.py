"""One front end: what its login will meet by the rules, then what the running server answers it."""

from collections.abc import Iterator

from app.config import Settings
from app.doctor.answers import ask_server
from app.doctor.findings import Finding, Verdict
from app.outlook import Fate, Outlook, Relation, foresee, read_address

_RELATIONS = {
    Relation.SAME_ORIGIN: "the server's own origin",
    Relation.SAME_SITE: "the same site as the server",
    Relation.CROSS_SITE: "another site than the server",
}


def examine_front_end(settings: Settings, address: str) -> Iterator[Finding]:
    """Look at everything between a page of this address and a login that lasts."""
    origin = read_address(address)
    if origin is None:
        advice = (
            "Give the address of a page, such as https://ada.github.io or http://localhost:4100."
        )
        yield Finding("Front end", "address", "cannot be read", Verdict.BAD, advice)
        return
    outlook = foresee(settings, origin)
    shown = str(origin)
    is_page = address.strip().rstrip("/").lower() != shown
    counts = "Of a page's address browsers tell only this part." if is_page else ""
    yield Finding("Front end", "origin", shown, advice=counts)
    yield Finding("Front end", "server", str(outlook.server))
    if outlook.is_allowed:
        yield Finding("Front end", "allowed", "yes")
    else:
        yield Finding("Front end", "allowed", "no", Verdict.BAD, outlook.advice)
    yield Finding("Front end", "site", _RELATIONS[outlook.relation])
    yield Finding("Front end", "cookie", outlook.attributes)
    yield from look_at_browsers(outlook)
    yield from ask_server(settings, outlook)


def look_at_browsers(outlook: Outlook) -> Iterator[Finding]:
    """Say of each browser what becomes of a login; a problem only where no browser lets it."""
    heading = "Browsers" if outlook.is_allowed else "Browsers, once it is allowed"
    for row in outlook.rows:
        verdict = Verdict.FINE if row.fate is Fate.WORKS else Verdict.NOTE
        yield Finding(
            heading,
            row.browser,
            row.fate.value,
            Verdict.BAD if outlook.is_hopeless else verdict,
            "" if row.fate is Fate.WORKS else row.why,
        )


def judge(outlook: Outlook) -> tuple[Verdict, str]:
    """Return one verdict on all browsers, and a sentence."""
    if outlook.is_everywhere:
        return Verdict.FINE, "Every browser sends it back."
    refusing = [row for row in outlook.rows if row.fate is not Fate.WORKS]
    if outlook.is_hopeless:
        return Verdict.BAD, refusing[0].why
    names = "; ".join(row.browser for row in refusing)
    return Verdict.NOTE, f"Not sent back by: {names}. Use portfolio.js or a Bearer token there."
