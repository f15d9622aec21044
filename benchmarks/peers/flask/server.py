"""A server in the shape of flask_portfolio as it was in 2025.

Flask-RESTful's resources on a blueprint, Flask-CORS with credentials, Flask-SQLAlchemy,
Flask-Login, PyJWT, Werkzeug's pbkdf2 hashes. A guard decodes the cookie's token and looks its user
up, each time. What is shown of a user has their sections, of which the row in between knows the
year; these are read when they are needed, in a list for one user after the other. A home page by
Jinja, files by Flask. `python server.py COUNT` makes the tables and fills them.
"""

import os
import sys
from functools import wraps
from pathlib import Path

import jwt
from flask import Blueprint, Flask, Response, current_app, g, jsonify, render_template, request
from flask_cors import CORS
from flask_login import LoginManager, UserMixin, current_user
from flask_restful import Api, Resource
from flask_sqlalchemy import SQLAlchemy
from werkzeug.security import check_password_hash, generate_password_hash

FOLDER = Path(os.environ["BENCH_FOLDER"])  # noqa: TID251  (where a benchmark put its files)
LIFE_SECONDS = 3600
PASSWORD = "a horse of the usual kind"
SECTIONS = (
    ("Computer Science A", "CSA"),
    ("Computer Science Principles", "CSP"),
    ("Computer Science and Software Engineering", "CSSE"),
    ("Engineering Robotics", "Robotics"),
)
YEAR = 2026

app = Flask(
    __name__, static_folder=FOLDER / "static", template_folder=Path(__file__).parent / "templates"
)
app.config["SECRET_KEY"] = "a secret that only this benchmark has, 32 bytes"
app.config["JWT_TOKEN_NAME"] = "jwt_python_flask"
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{FOLDER / 'flask.db'}"
CORS(
    app,
    supports_credentials=True,
    origins=["http://localhost:4100", "http://127.0.0.1:4100", "https://pupil.github.io"],
)
db = SQLAlchemy(app)
login_manager = LoginManager(app)


class Section(db.Model):
    """A class that is taught."""

    __tablename__ = "sections"

    id = db.Column(db.Integer, primary_key=True)
    _name = db.Column(db.String(255), nullable=False)
    _abbreviation = db.Column(db.String(255), unique=True, nullable=False)

    def read(self):
        return {"id": self.id, "name": self._name, "abbreviation": self._abbreviation}


class UserSection(db.Model):
    """Who is in which section, and in which year."""

    __tablename__ = "user_sections"

    user_id = db.Column(db.Integer, db.ForeignKey("users.id"), primary_key=True)
    section_id = db.Column(db.Integer, db.ForeignKey("sections.id"), primary_key=True)
    year = db.Column(db.Integer)
    section = db.relationship("Section")

    def read(self):
        return {**self.section.read(), "year": self.year}


class User(db.Model, UserMixin):
    """An account."""

    __tablename__ = "users"

    id = db.Column(db.Integer, primary_key=True)
    _name = db.Column(db.String(255), nullable=False)
    _uid = db.Column(db.String(255), unique=True, nullable=False)
    _email = db.Column(db.String(255), nullable=False)
    _password = db.Column(db.String(255), nullable=False)
    _role = db.Column(db.String(20), default="User", nullable=False)
    _pfp = db.Column(db.String(255))
    kasm_server_needed = db.Column(db.Boolean, default=False)
    user_sections = db.relationship("UserSection")

    @property
    def uid(self):
        return self._uid

    @property
    def role(self):
        return self._role

    def is_password(self, password):
        return check_password_hash(self._password, password)

    def read(self):
        """Return what is shown of an account."""
        return {
            "id": self.id,
            "uid": self._uid,
            "name": self._name,
            "email": self._email,
            "role": self._role,
            "pfp": self._pfp,
            "kasm_server_needed": self.kasm_server_needed,
            "sections": [one.read() for one in self.user_sections],
        }


@login_manager.user_loader
def load_user(user_id):
    return db.session.get(User, int(user_id))


def _refusal(message, error, status):
    return {"message": message, "data": None, "error": error}, status


def token_required(*roles):
    """Let in whoever has a token of ours, and one of these roles if there are any."""

    def guard(function):
        @wraps(function)
        def guarded(*args, **kwargs):
            token = request.cookies.get(current_app.config["JWT_TOKEN_NAME"])
            if not token:
                return _refusal("Token is missing", "Unauthorized", 401)
            try:
                claims = jwt.decode(token, current_app.config["SECRET_KEY"], algorithms=["HS256"])
            except jwt.InvalidTokenError:
                return _refusal("Token is invalid", "Unauthorized", 401)
            user = User.query.filter_by(_uid=claims["_uid"]).first()
            if user is None:
                return _refusal("User not found", "Unauthorized", 401)
            if roles and user.role not in roles:
                return _refusal("Not for this role", "Forbidden", 403)
            g.current_user = user
            return function(*args, **kwargs)

        return guarded

    return guard


class Authenticate(Resource):
    """Logging in."""

    def post(self):
        body = request.get_json()
        if not body:
            return _refusal("Please provide user details", "Bad request", 400)
        uid, password = body.get("uid"), body.get("password")
        if uid is None:
            return {"message": "User ID is missing"}, 401
        if not password:
            return {"message": "Password is missing"}, 401
        user = User.query.filter_by(_uid=uid).first()
        if user is None or not user.is_password(password):
            return {"message": "Invalid user id or password"}, 401
        key = current_app.config["SECRET_KEY"]
        token = jwt.encode({"_uid": user.uid}, key, algorithm="HS256")
        answer = Response(f"Authentication for {user.uid} successful")
        answer.set_cookie(
            current_app.config["JWT_TOKEN_NAME"],
            token,
            max_age=LIFE_SECONDS,
            secure=True,
            httponly=True,
            samesite="None",
        )
        return answer


class Who(Resource):
    """The current user."""

    @token_required()
    def get(self):
        return jsonify(g.current_user.read())


class Users(Resource):
    """Everybody."""

    @token_required()
    def get(self):
        viewer = g.current_user
        shown = []
        for user in User.query.all():
            is_open = viewer.role == "Admin" or viewer.id == user.id
            shown.append({**user.read(), "access": ["rw" if is_open else "ro"]})
        return jsonify(shown)


blueprint = Blueprint("user_api", __name__, url_prefix="/api")
api = Api(blueprint)
api.add_resource(Authenticate, "/authenticate")
api.add_resource(Who, "/id")
api.add_resource(Users, "/users")
app.register_blueprint(blueprint)


@app.get("/")
def show_home():
    return render_template("home.html", viewer=current_user)


def fill(count):
    """Make the tables and put people there, each in one section."""
    hashed = generate_password_hash(PASSWORD, "pbkdf2:sha256", salt_length=10)
    numbers = range(1, count + 1)
    users = [
        {
            "id": number,
            "_name": f"Pupil Number {number}",
            "_uid": f"pupil{number:07}",
            "_email": f"pupil{number}@school.example",
            "_password": hashed,
        }
        for number in numbers
    ]
    sections = [
        {"id": number, "_name": name, "_abbreviation": abbreviation}
        for number, (name, abbreviation) in enumerate(SECTIONS, 1)
    ]
    places = [
        {"user_id": number, "section_id": 1 + number % len(SECTIONS), "year": YEAR}
        for number in numbers
    ]
    with app.app_context():
        db.create_all()
        for model, rows in ((User, users), (Section, sections), (UserSection, places)):
            db.session.execute(db.insert(model), rows)
        db.session.commit()


if __name__ == "__main__":
    fill(int(sys.argv[1]))
