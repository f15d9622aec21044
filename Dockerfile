# The server in a container: what `make run` serves, read-only but for the volume `instance`.
# `make image-test` builds and runs it.

# Any image with python3 (3.11 or later), venv and Debian's user tools.
ARG BASE_IMAGE=docker.io/library/python:3.13-slim


FROM ${BASE_IMAGE} AS build
WORKDIR /build

# Dependencies first: they change less often than the code. The driver of PostgreSQL, the client of
# Valkey and Redis and what sends traces are among them, so that the settings alone decide. Behind a proxy or mirror hand over pip's
# own settings, which stay out of the image: docker build --secret id=pip,src=$HOME/.config/pip/pip.conf
# (and --secret id=ca,src=bundle.pem where that file says `cert = /run/secrets/ca`).
COPY requirements-postgresql.lock requirements-cache.lock requirements-tracing.lock requirements-build.lock ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca \
    python3 -m venv tools \
    && tools/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
    && python3 -m venv --without-pip /opt/portfolio \
    && tools/bin/pip --python /opt/portfolio/bin/python install --no-cache-dir --require-hashes -r requirements-postgresql.lock -r requirements-cache.lock -r requirements-tracing.lock

COPY LICENSE README.md pyproject.toml ./
COPY app app
COPY docs/sbom.cdx.json docs/
COPY alembic alembic
COPY static static
COPY templates templates
RUN tools/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir dist . \
    && tools/bin/pip --python /opt/portfolio/bin/python install --no-index --no-deps dist/*.whl


FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="fastapi-portfolio" \
      org.opencontainers.image.licenses="MIT"

RUN groupadd --gid 10001 portfolio \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /srv/portfolio \
       --shell /usr/sbin/nologin portfolio \
    && install -d -m 0700 -o 10001 -g 10001 /srv/portfolio/instance
COPY --from=build /opt/portfolio /opt/portfolio

# Inside a container "this machine only" would be nobody; who may reach it is the port mapping's matter.
ENV PATH=/opt/portfolio/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0
USER 10001:10001
WORKDIR /srv/portfolio
VOLUME /srv/portfolio/instance
EXPOSE 8086
# The first process of a container cannot be ended by SIGTERM before it has a handler for it; Python
# has one for Ctrl-C from the start.
STOPSIGNAL SIGINT

# http.client, because urllib would ask a proxy for the way to this very machine.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; port = os.environ.get('PORTFOLIO_PORT') or os.environ.get('PORT') or 8086; here = http.client.HTTPConnection('127.0.0.1', int(port), timeout=4); here.request('GET', '/healthz'); sys.exit(here.getresponse().status != 200)"]
CMD ["portfolio", "serve"]
