"""Bodies of the Klaviyo calls the sandbox answers, after Klaviyo's OpenAPI (revision 2026-07-15)."""

from __future__ import annotations

from destinations.sandbox.shapes import FLAG, MAYBE_TEXT, NUMBER, OBJECT, TEXT, NoneType, Shape, one

MAYBE_FLAG = (*FLAG, NoneType)
MAYBE_NUMBER = (*NUMBER, NoneType)

_DETAILS: Shape = {
    "email?": MAYBE_TEXT,
    "phone_number?": MAYBE_TEXT,
    "external_id?": MAYBE_TEXT,
    "_kx?": MAYBE_TEXT,
    "first_name?": MAYBE_TEXT,
    "last_name?": MAYBE_TEXT,
    "organization?": MAYBE_TEXT,
    "locale?": MAYBE_TEXT,
    "title?": MAYBE_TEXT,
    "image?": MAYBE_TEXT,
    "location?": OBJECT,
    "properties?": OBJECT,
}
PROFILE: Shape = {"type": one("profile"), "id?": MAYBE_TEXT, "attributes": _DETAILS, "meta?": OBJECT}
_EVENT_PROFILE: Shape = {
    "data": {
        "type": one("profile"),
        "id?": MAYBE_TEXT,
        "attributes": {**_DETAILS, "anonymous_id?": MAYBE_TEXT, "meta?": OBJECT},
    }
}
_METRIC: Shape = {"data": {"type": one("metric"), "attributes": {"name": TEXT, "service?": MAYBE_TEXT}}}
_EVENT: Shape = {
    "properties": OBJECT,
    "time?": MAYBE_TEXT,
    "value?": MAYBE_NUMBER,
    "value_currency?": MAYBE_TEXT,
    "unique_id?": MAYBE_TEXT,
    "backfill?": MAYBE_FLAG,
    "metric": _METRIC,
}


def _references(kind: str) -> Shape:
    return {"data": [{"type": one(kind), "id": TEXT}]}


IMPORT: Shape = {
    "data": {
        "type": one("profile-bulk-import-job"),
        "attributes": {"profiles": {"data": [PROFILE]}},
        "relationships?": {"lists": _references("list")},
    }
}
ONE_PROFILE: Shape = {"data": PROFILE}
MEMBERS: Shape = _references("profile")
LIST: Shape = {
    "data": {
        "type": one("list"),
        "attributes": {"name": TEXT, "opt_in_process?": one("double_opt_in", "single_opt_in")},
    }
}
EVENT: Shape = {"data": {"type": one("event"), "attributes": {**_EVENT, "profile": _EVENT_PROFILE}}}
EVENTS: Shape = {
    "data": {
        "type": one("event-bulk-create-job"),
        "attributes": {
            "events-bulk-create": {
                "data": [
                    {
                        "type": one("event-bulk-create"),
                        "attributes": {
                            "backfill?": MAYBE_FLAG,
                            "profile": _EVENT_PROFILE,
                            "events": {"data": [{"type": one("event"), "attributes": _EVENT}]},
                        },
                    }
                ]
            }
        },
    }
}
_LIST: Shape = {"data": {"type": one("list"), "id": TEXT}}
SUPPRESS: Shape = {
    "data": {
        "type": one("profile-suppression-bulk-create-job"),
        "attributes": {"profiles?": {"data": [{"type": one("profile"), "attributes": {"email": TEXT}}]}},
        "relationships?": {"list?": _LIST},
    }
}
FORGET: Shape = {
    "data": {
        "type": one("data-privacy-deletion-job"),
        "attributes": {
            "profile": {
                "data": {
                    "type": one("profile"),
                    "id?": TEXT,
                    "attributes": {"email?": TEXT, "phone_number?": TEXT},
                }
            }
        },
    }
}
UNSUPPRESS: Shape = {
    "data": {
        "type": one("profile-suppression-bulk-delete-job"),
        "attributes": {"profiles?": {"data": [{"type": one("profile"), "attributes": {"email": TEXT}}]}},
        "relationships?": {"list?": _LIST},
    }
}
_CONSENTING: Shape = {"email?": MAYBE_TEXT, "phone_number?": MAYBE_TEXT, "subscriptions": OBJECT}
SUBSCRIBE: Shape = {
    "data": {
        "type": one("profile-subscription-bulk-create-job"),
        "attributes": {
            "profiles": {"data": [{"type": one("profile"), "id?": TEXT, "attributes": _CONSENTING}]},
            "historical_import?": MAYBE_FLAG,
            "custom_source?": MAYBE_TEXT,
        },
        "relationships?": {"list": _LIST},
    }
}
UNSUBSCRIBE: Shape = {
    "data": {
        "type": one("profile-subscription-bulk-delete-job"),
        "attributes": {
            "profiles": {
                "data": [
                    {
                        "type": one("profile"),
                        "attributes": {"email?": MAYBE_TEXT, "phone_number?": MAYBE_TEXT, "subscriptions": OBJECT},
                    }
                ]
            }
        },
        "relationships?": {"list": _LIST},
    }
}
