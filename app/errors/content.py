"""Refusals about what people publish and belong to: pictures, sections, groups, channels, posts."""

from app.errors.general import Conflict, FieldError, Forbidden, NotFound, Unavailable, Unprocessable


class StaffRequired(Forbidden):
    slug = "staff-required"
    title = "Only a teacher or an admin may do this"


class NotYours(Forbidden):
    slug = "not-yours"
    title = "This belongs to somebody else"
    advice = "Ask whoever wrote it, or whoever looks after the group."


class PictureNotFound(NotFound):
    slug = "picture-not-found"
    title = "There is no such picture"
    advice = "It may have been replaced. Open the profile again."


class SectionNotFound(NotFound):
    slug = "section-not-found"
    title = "There is no such section"
    advice = "Check the abbreviation."


class GroupNotFound(NotFound):
    slug = "group-not-found"
    title = "There is no such group"
    advice = "Check its name."


class ChannelNotFound(NotFound):
    slug = "channel-not-found"
    title = "There is no such channel"
    advice = "Check its name or number."


class PostNotFound(NotFound):
    slug = "post-not-found"
    title = "There is no such post"
    advice = "It may have been deleted. Load the list again."


class SectionTaken(Conflict):
    slug = "section-taken"
    title = "There is a section with that abbreviation"
    advice = "Choose another."
    fields = (FieldError("/abbreviation", f"{title}. {advice}", "taken"),)


class GroupTaken(Conflict):
    slug = "group-taken"
    title = "There is a group with that name"
    advice = "Choose another."
    fields = (FieldError("/name", f"{title}. {advice}", "taken"),)


class PictureRefused(Unprocessable):
    slug = "picture-refused"
    title = "This is not a picture that can be used here"
    advice = "Send a JPEG, PNG, WebP or GIF of at most 8 MB and 40 megapixels."
    fields = (FieldError("/picture", f"{title}. {advice}", "picture"),)


class PicturesBusy(Unavailable):
    slug = "pictures-busy"
    title = "Many pictures are being read at once"


class PicturesAway(Unavailable):
    slug = "pictures-away"
    title = "Where the pictures lie is out of reach"
