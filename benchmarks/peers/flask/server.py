"""A server in the shape of flask_portfolio: Flask, Flask-SQLAlchemy, Flask-Login, PyJWT.

Werkzeug's pbkdf2 hashes, a token in a cookie whose user is looked up each time, a home page by
Jinja, files by Flask. `python server.py COUNT` makes the tables and fills them.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path

import jwt
from flask import Flask, g, jsonify, render_template, request
from flask_login import LoginManager, UserMixin, current_user
from flask_sqlalchemy import SQLAlchemy
from werkzeug.security import check_password_hash, generate_password_hash

FOLDER = Path(os.environ["BENCH_FOLDER"])  # noqa: TID251  (where a benchmark put its files)
COOKIE, LIFE = "jwt_python_flask", timedelta(hours=1)
PASSWORD = "a horse of the usual kind"

app = Flask(
    __name__, static_folder=FOLDER / "static", template_folder=Path(__file__).parent / "templates"
)
app.config["SECRET_KEY"] = "a secret that only this benchmark has, 32 bytes"
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{FOLDER / 'flask.db'}"
db = SQLAlchemy(app)
login_manager = LoginManager(app)


class User(db.Model, UserMixin):
    """An account."""

    __tablename__ = "users"

    id = db.Column(db.Integer, primary_key=True)
    _name = db.Column(db.String(255), nullable=False)
    _uid = db.Column(db.String(255), unique=True, nullable=False)
    _email = db.Column(db.String(255), nullable=False)
    _password = db.Column(db.String(255), nullable=False)
    _role = db.Column(db.String(20), default="User", nullable=False)

    def read(self):
        """Return what is shown of an account."""
        return {
            "id": self.id,
            "uid": self._uid,
            "name": self._name,
            "email": self._email,
            "role": self._role,
        }


@login_manager.user_loader
def load_user(user_id):
    return db.session.get(User, int(user_id))


def token_required(function):
    """Let in whoever has a token of ours."""

    @wraps(function)
    def guarded(*args, **kwargs):
        token = request.cookies.get(COOKIE)
        if not token:
            return {"message": "Token is missing"}, 401
        try:
            claims = jwt.decode(token, app.config["SECRET_KEY"], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return {"message": "Token is invalid"}, 401
        g.current_user = User.query.filter_by(_uid=claims["_uid"]).first()
        if g.current_user is None:
            return {"message": "User not found"}, 401
        return function(*args, **kwargs)

    return guarded


@app.post("/api/authenticate")
def log_in():
    body = request.get_json()
    user = User.query.filter_by(_uid=body.get("uid")).first()
    if user is None or not check_password_hash(user._password, body.get("password", "")):  # noqa: SLF001
        return {"message": "Invalid user id or password"}, 401
    claims = {"_uid": user._uid, "exp": datetime.now(UTC) + LIFE}  # noqa: SLF001
    token = jwt.encode(claims, app.config["SECRET_KEY"], algorithm="HS256")
    answer = jsonify({"message": f"Authentication for {user._uid} successful"})  # noqa: SLF001
    answer.set_cookie(COOKIE, token, max_age=LIFE, httponly=True)
    return answer


@app.get("/api/id")
@token_required
def show_who():
    return jsonify(g.current_user.read())


@app.get("/api/users")
@token_required
def list_users():
    return jsonify([user.read() for user in User.query.all()])


@app.get("/")
def show_home():
    return render_template("home.html", viewer=current_user)


def fill(count):
    """Make the tables and put people there."""
    hashed = generate_password_hash(PASSWORD, method="pbkdf2:sha256")
    with app.app_context():
        db.create_all()
        db.session.execute(
            db.insert(User),
            [
                {
                    "_name": f"Pupil Number {number}",
                    "_uid": f"pupil{number:07}",
                    "_email": f"pupil{number}@school.example",
                    "_password": hashed,
                }
                for number in range(1, count + 1)
            ],
        )
        db.session.commit()


if __name__ == "__main__":
    fill(int(sys.argv[1]))
