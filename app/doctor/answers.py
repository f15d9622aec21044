"""What the running server answers a front end, asked through PUBLIC_URL as a browser asks it.

Proxies are found out here: headers twice or none, OPTIONS refused or redirected, https that the
server does not see, certificates that browsers refuse. Nothing on the server is changed.
"""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from app.config import Settings
from app.doctor.asking import NO_ANSWER, Answer, ask, knows_authorities
from app.doctor.findings import Finding, Verdict
from app.observability import escape
from app.outlook import Outlook, Relation, doubt_proxy

TIMEOUT = 5.0
MAX_DRIFT = 30.0
SESSION, CONNECTION = "/api/v1/auth/session", "/api/v1/connection"
HEADING = "Answers"

_ALLOW = "access-control-allow-"
_ASKED_METHOD, _ASKED_HEADERS = "PUT", "authorization,content-type,x-origin"


def ask_server(settings: Settings, outlook: Outlook) -> Iterator[Finding]:
    """Ask as the front end's browser would, and look at what comes back."""
    origin, server = str(outlook.origin), settings.base_url
    question = {
        "Origin": origin,
        "Access-Control-Request-Method": _ASKED_METHOD,
        "Access-Control-Request-Headers": _ASKED_HEADERS,
    }
    try:
        preflight = ask(server, SESSION, method="OPTIONS", headers=question, timeout=TIMEOUT)
        answer = ask(server, SESSION, headers={"Origin": origin}, timeout=TIMEOUT)
        seen = _read_connection(ask(server, CONNECTION, timeout=TIMEOUT))
    except NO_ANSWER as error:
        yield _no_answer(settings, error)
        return
    except UnicodeError:
        yield Finding(HEADING, server, "cannot be asked", Verdict.NOTE, "Check PUBLIC_URL.")
        return
    yield from _look_at_answer(answer)
    if outlook.is_allowed and outlook.relation is not Relation.SAME_ORIGIN:
        yield from _look_at_preflight(preflight)
        yield _look_at_headers(settings, "CORS on preflights", preflight, origin)
        yield _look_at_headers(settings, "CORS on answers", answer, origin)
    yield _look_at_scheme(outlook, seen.get("scheme", ""))
    yield _look_at_forwarding(settings, seen.get("forwarded_for", ""))
    yield _look_at_clock(answer)


def _no_answer(settings: Settings, error: Exception) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError) and not knows_authorities():
        return Finding(HEADING, settings.base_url, "not checked", Verdict.NOTE, _NO_AUTHORITIES)
    trouble = _explain_tls(error)
    if trouble:
        return Finding(HEADING, settings.base_url, "TLS fails", Verdict.BAD, trouble)
    advice = "Start it with `portfolio serve`. If it runs, check PUBLIC_URL, DNS and the proxy."
    return Finding(HEADING, settings.base_url, "no answer", Verdict.NOTE, advice)


# By OpenSSL's numbers (x509_vfy.h).
_CERTIFICATE = {
    9: "The certificate is not valid yet. Is the clock right on both machines?",
    10: "The certificate has expired. Renew it.",
    18: "The certificate is signed by itself; browsers refuse it. Get one from a public authority.",
    19: "The certificate's authority is unknown to browsers. Get one from a public authority.",
    20: "The certificate's chain is not whole. Let the proxy send all of it (fullchain.pem).",
    21: "The certificate's chain is not whole. Let the proxy send all of it (fullchain.pem).",
    62: "The certificate is for another name. Get one for the host of PUBLIC_URL.",
    64: "The certificate is for another address. Get one for the host of PUBLIC_URL.",
}


_NO_AUTHORITIES = (
    "This machine knows no authorities to check certificates against. Install ca-certificates; on "
    "a Mac run Install Certificates.command from Python's folder."
)


def _explain_tls(error: Exception) -> str:
    """Say in words what is wrong with TLS, if that is the error; else nothing."""
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _CERTIFICATE.get(error.verify_code)
        return known or f"The certificate is refused: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return "No TLS is spoken there. PUBLIC_URL says https: let the proxy end it at that port."
    return ""


def _look_at_answer(answer: Answer) -> Iterator[Finding]:
    """Look for an answer of ours: 401, because nobody is logged in."""
    name = f"GET {SESSION}"
    if answer.is_redirect:
        to = escape(answer.headers.get("location", "nowhere"))
        advice = f"It leads to {to}. Set PUBLIC_URL to where the server answers without that."
        yield Finding(HEADING, name, f"HTTP {answer.status}", Verdict.BAD, advice)
    elif "unknown-host" in answer.text and answer.status == HTTPStatus.BAD_REQUEST:
        advice = "The proxy changes the Host header. Let it pass that on as it came."
        yield Finding(HEADING, name, "HTTP 400, unknown host", Verdict.BAD, advice)
    elif answer.status != HTTPStatus.UNAUTHORIZED:
        advice = (
            "This server would answer 401. Check that PUBLIC_URL leads here, and the proxy's log."
        )
        yield Finding(HEADING, name, f"HTTP {answer.status}", Verdict.BAD, advice)


def _look_at_preflight(preflight: Answer) -> Iterator[Finding]:
    name = f"OPTIONS {SESSION}"
    if not preflight.is_success:
        advice = "Browsers ask this before every call. Let the proxy pass OPTIONS on to the server."
        yield Finding(HEADING, name, f"HTTP {preflight.status}", Verdict.BAD, advice)
        return
    missing = [
        asked
        for header, wanted in ((f"{_ALLOW}headers", _ASKED_HEADERS), (f"{_ALLOW}methods", "put"))
        for asked in wanted.split(",")
        if asked not in preflight.values(header)
    ]
    if missing:
        advice = "Front ends need these in Access-Control-Allow-Headers and -Methods."
        yield Finding(HEADING, name, f"without {', '.join(missing)}", Verdict.BAD, advice)


def _look_at_headers(settings: Settings, name: str, answer: Answer, origin: str) -> Finding:
    allowed, credentials = answer.values(f"{_ALLOW}origin"), answer.values(f"{_ALLOW}credentials")
    if not allowed:
        return Finding(HEADING, name, "no headers", Verdict.BAD, _WHY_NONE[settings.cors])
    if len(allowed) > 1 or len(credentials) > 1:
        return Finding(
            HEADING, name, f"{max(len(allowed), len(credentials))} times", Verdict.BAD, _TWICE
        )
    if allowed != [origin]:
        written = escape(allowed[0])
        advice = f"A proxy writes {written}. With a login browsers take the exact origin only."
        return Finding(HEADING, name, "for another origin", Verdict.BAD, advice)
    if credentials != ["true"]:
        advice = "Without Access-Control-Allow-Credentials: true browsers hide the answer."
        return Finding(HEADING, name, "without credentials", Verdict.BAD, advice)
    if "origin" not in answer.values("vary"):
        advice = "Without Vary: Origin a cache may hand one site's answer to another."
        return Finding(HEADING, name, "without Vary", Verdict.NOTE, advice)
    return Finding(HEADING, name, "once, for this origin")


_TWICE = "Browsers refuse two copies. Take the proxy's out, or set CORS=off and keep the proxy's."
_WHY_NONE = {
    "on": "The proxy takes them away or answers by itself. Let it pass the server's headers on.",
    "off": "CORS=off leaves them to the proxy, and it adds none. Set CORS=on.",
}


def _read_connection(answer: Answer) -> dict[str, str]:
    """Return what the server makes of our connection; nothing if that is no answer of ours."""
    try:
        seen = answer.json()
    except ValueError:
        return {}
    if not isinstance(seen, dict) or not answer.is_success:
        return {}
    return {name: value for name, value in seen.items() if isinstance(value, str)}


def _look_at_scheme(outlook: Outlook, seen: str) -> Finding:
    """Compare the scheme that the server sees with that of PUBLIC_URL."""
    if seen not in {"http", "https"}:
        advice = f"GET {CONNECTION} was not answered by this server."
        return Finding(HEADING, "scheme seen", "not known", Verdict.NOTE, advice)
    if seen == outlook.server.scheme:
        return Finding(HEADING, "scheme seen", seen)
    advice = (
        f"PUBLIC_URL is {outlook.server.scheme}. Let the proxy pass Host on as it came, and set "
        "X-Forwarded-Proto and TRUSTED_PROXIES."
    )
    return Finding(HEADING, "scheme seen", seen, Verdict.BAD, advice)


_NOT_BELIEVED = (
    "A proxy says whom it speaks for, and every visitor seems to come from that proxy. Set "
    "TRUSTED_PROXIES to the address it connects from."
)
_NOT_TOLD = "The proxy does not say whom it speaks for. Let it set X-Forwarded-For."
_FORWARDING = {
    "believed": (Verdict.FINE, ""),
    "ignored": (Verdict.BAD, _NOT_BELIEVED),
    "absent": (Verdict.NOTE, _NOT_TOLD),
}


def _look_at_forwarding(settings: Settings, seen: str) -> Finding:
    """Say whether visitors' addresses arrive, where a proxy stands in front."""
    verdict, advice = _FORWARDING.get(seen, (Verdict.NOTE, doubt_proxy(settings)))
    if seen == "absent" and not (settings.is_https or settings.trusted_proxies):
        # No proxy then, or one that nobody needs to believe.
        verdict, advice = Verdict.FINE, ""
    return Finding(HEADING, "X-Forwarded-For", seen or "not known", verdict, advice)


def _look_at_clock(answer: Answer) -> Finding:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return Finding(HEADING, "clock", "not told")
    drift = abs((datetime.now(UTC) - theirs.astimezone(UTC)).total_seconds())
    if drift <= MAX_DRIFT:
        return Finding(HEADING, "clock", "agrees with this machine's")
    advice = "Logins end by the server's clock. Set both with NTP."
    return Finding(HEADING, "clock", f"{drift:.0f} s apart", Verdict.NOTE, advice)
