"""A server by Django, its REST framework and simplejwt, each with its defaults, in one file.

`python server.py COUNT` makes the tables and fills them.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

import django
from django.conf import settings

FOLDER = Path(os.environ["BENCH_FOLDER"])  # noqa: TID251  (where a benchmark put its files)
PASSWORD = "a horse of the usual kind"

settings.configure(
    SECRET_KEY="a secret that only this benchmark has, 32 bytes",
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "django.db"},
    },
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    # What `startproject` puts there and an API needs.
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    # Its default, five minutes, is shorter than a benchmark.
    SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(hours=2)},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "rest_framework_simplejwt.authentication.JWTAuthentication"
        ],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.hashers import make_password  # noqa: E402  (after the settings)
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.generics import ListAPIView  # noqa: E402
from rest_framework.pagination import PageNumberPagination  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.serializers import ModelSerializer  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_simplejwt.views import TokenObtainPairView  # noqa: E402


class UserSerializer(ModelSerializer):
    class Meta:
        model = User
        fields = ("id", "username", "first_name", "last_name", "email", "is_staff", "is_active")


class Who(APIView):
    """Says who is asking."""

    def get(self, request):
        return Response(UserSerializer(request.user).data)


class Health(APIView):
    """Says that it answers."""

    permission_classes = ()

    def get(self, _request):
        return Response({"status": "ok"})


class UserList(ListAPIView):
    """Everybody."""

    queryset = User.objects.order_by("username")
    serializer_class = UserSerializer


class Hundred(PageNumberPagination):
    page_size = 100


class UserPage(UserList):
    """A hundred at a time."""

    pagination_class = Hundred


urlpatterns = [
    path("healthz", Health.as_view()),
    path("token", TokenObtainPairView.as_view()),
    path("who", Who.as_view()),
    path("users", UserPage.as_view()),
    path("users/all", UserList.as_view()),
]
app = get_wsgi_application()


def fill(count):
    """Make the tables and put people there."""
    call_command("migrate", verbosity=0)
    hashed = make_password(PASSWORD)
    User.objects.bulk_create(
        (
            User(
                username=f"pupil{number:07}",
                first_name="Pupil",
                last_name=f"Number {number}",
                email=f"pupil{number}@school.example",
                password=hashed,
            )
            for number in range(1, count + 1)
        ),
        batch_size=10_000,
    )


if __name__ == "__main__":
    fill(int(sys.argv[1]))
