"""The pages: what people see. Forms are posted, and answered with a redirect or the form again.

A page's write runs in a transaction of its own, inside the route: when a use case refuses, that is
undone before the form is shown again.
"""

from app.routers.pages import (
    account,
    admin,
    audit,
    docs,
    entrance,
    origins,
    picture,
    second_factor,
    sections,
    token,
)

routes = [
    route
    for page in (
        entrance,
        account,
        second_factor,
        picture,
        sections,
        token,
        admin,
        audit,
        origins,
        docs,
    )
    for route in page.router.routes
]
