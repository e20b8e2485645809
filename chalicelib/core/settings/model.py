"""All settings of Darkroom. docs/settings.md is generated from this (`python -m infra settings`).

A class is a group of settings that belong together, and its docstring is their heading. Code reads a setting in one
way, as `Settings.QUALITY_SETTING.get()`, and names it in `@required_env_vars`.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.image_values import MAX_PIXELS, MAX_QUALITY, MEDIA_TYPES, MIN_QUALITY, OUTPUTS, POSITIONS
from chalicelib.core.image_values import normalize_media_type as spell
from chalicelib.core.schedules import SCHEDULES
from chalicelib.core.settings.kinds import (
    DOMAIN,
    EMAIL,
    PREFIX,
    URL,
    Choice,
    Color,
    Flag,
    Font,
    ListOf,
    Number,
    PresetsFile,
    Sizes,
    Text,
    Whole,
)
from chalicelib.core.settings.resources import Resources, Stage
from chalicelib.core.settings.setting import Setting, Source

# S3 takes no larger file in one request (Amazon S3 User Guide, "Uploading objects").
_MOST_BYTES = 5 * 1024**3
# Longer than anything is kept, and short enough for a date.
_MOST_DAYS = 36_500
_NAMES = ListOf(Text("a name"))


class Uploads:
    """Uploads"""

    MAX_FILE_SIZE = Setting(
        Whole(1, _MOST_BYTES), "The largest file that is accepted.", default="10485760", unit="bytes"
    )
    MAX_PIXELS = Setting(
        Whole(1),
        "The largest picture that is decoded: width times height.",
        default=str(MAX_PIXELS),
        unit="pixels",
    )
    ALLOWED_TYPES = Setting(
        ListOf(Choice(MEDIA_TYPES.values(), spell)),
        "The media types that are accepted.",
        default=",".join(MEDIA_TYPES.values()),
    )
    VALIDATE_PIXELS = Setting(
        Flag(),
        "Whether the validation decodes a picture. Without it damaged data is found by the resizing, which rejects it "
        "for the same reasons; each picture is decoded once less.",
        default="true",
    )
    LINK_EXPIRY_SECONDS = Setting(
        Whole(1, 3600), "How long links to files and requests to upload work.", default="3600", unit="seconds"
    )
    STORED_BYTES_PER_USER = Setting(
        Whole(0),
        "How much a user may store, originals and variants together, without a `storedBytes` of their own.",
        default="10737418240",
        unit="bytes",
    )
    SCAN_COMMAND_URL = Setting(
        URL,
        "The virus scanner, which gets each file by POST before it is decoded.",
        default="",
        nothing="",
        skipped="files are not scanned for viruses",
    )


class Variants:
    """Variants and watermarks"""

    PRESETS_FILE = Setting(
        PresetsFile(),
        "The file with the presets that uploads can name. The others of these settings make the preset `default`.",
        default="presets.toml",
    )
    RESIZE_DIMENSIONS = Setting(
        Sizes(),
        "The sizes of the variants: boxes in pixels into which a picture is shrunk.",
        default="small=800x600,medium=1200x900,large=1920x1080",
    )
    OUTPUT_FORMATS = Setting(ListOf(Choice(OUTPUTS)), "The formats that each variant is made in.", default="jpeg")
    QUALITY_SETTING = Setting(
        Whole(MIN_QUALITY, MAX_QUALITY), "The quality of JPEG, WebP and AVIF; PNG is lossless.", default="85"
    )
    WATERMARK_TEXT = Setting(
        Text(),
        "The line of text that is drawn onto the watermarked variants.",
        default="Processed by Image Platform",
        nothing="",
        empty="no text is drawn",
    )
    WATERMARK_FONT = Setting(Font(), "The font of the watermark's text.", default="Arial")
    WATERMARK_COLOR = Setting(Color(), "The color of the watermark's text.", default="#FFFFFF")
    WATERMARK_POSITION = Setting(Choice(POSITIONS), "Where the watermark stands.", default="bottom-right")
    WATERMARK_OPACITY = Setting(
        Number(0, 1), "How opaque the watermark is: 0 is invisible, 1 covers the picture.", default="0.5"
    )
    WATERMARK_IMAGE_KEY = Setting(
        Text(),
        "The key of a picture in the output bucket that is the watermark, instead of the text.",
        default="",
        nothing="",
        empty="the text is the watermark",
    )


class Limits:
    """Limits of requests and of spending"""

    REQUESTS_PER_MINUTE = Setting(
        Whole(0),
        "Requests of a user with all keys together, without a limit of their own.",
        default="600",
        unit="a minute",
    )
    REQUESTS_PER_HOUR = Setting(
        Whole(0),
        "Requests of a user with all keys together, without a limit of their own.",
        default="20000",
        unit="an hour",
    )
    DOLLARS_PER_HOUR = Setting(
        Number(0), "What a user may spend in a clock hour, without a limit of their own.", default="1", unit="dollars"
    )
    DOLLARS_PER_DAY = Setting(
        Number(0), "What a user may spend in a day (UTC), without a limit of their own.", default="10", unit="dollars"
    )
    DOLLARS_PER_MONTH = Setting(
        Number(0),
        "What a user may spend in a month (UTC), without a limit of their own.",
        default="100",
        unit="dollars",
    )
    AUTH_PER_SOURCE_PER_MINUTE = Setting(
        Whole(0), "Anonymous requests to the public routes from one source address.", default="60", unit="a minute"
    )
    AUTH_PER_ADDRESS_PER_MINUTE = Setting(
        Whole(0), "E-mails to one account, and tries of the codes in them.", default="10", unit="a minute"
    )
    WRONG_PASSWORDS_PER_MINUTE = Setting(
        Whole(0), "Wrong passwords for one account from one source address.", default="5", unit="a minute"
    )
    WRONG_PASSWORDS_PER_DAY = Setting(
        Whole(0), "Wrong passwords for one account from all source addresses together.", default="1000", unit="a day"
    )
    WRONG_CODES_PER_MINUTE = Setting(
        Whole(0), "Wrong authenticator codes for one account from one source address.", default="5", unit="a minute"
    )
    WRONG_CODES_PER_DAY = Setting(
        Whole(0),
        "Wrong authenticator codes for one account from all source addresses together.",
        default="100",
        unit="a day",
    )
    HEALTH_PER_SOURCE_PER_MINUTE = Setting(
        Whole(0), "Requests of `GET /health` from one source address.", default="60", unit="a minute"
    )


class Actions:
    """Actions, exports and the external service"""

    SENDER_EMAIL = Setting(
        EMAIL,
        "The sender of links to exports, an identity that SES has verified.",
        default="",
        nothing="",
        skipped="exports are not sent by e-mail",
    )
    EXPORT_EMAIL_DOMAINS = Setting(
        ListOf(DOMAIN),
        "The domains to which exports may be sent, beside the account's own address.",
        default="",
        nothing=(),
        empty="exports are sent to the account's own address alone",
    )
    FONTS_PREFIX = Setting(
        PREFIX,
        "Where the output bucket holds further fonts (`.ttf`) for exports as PDF; after a change run `make policies`.",
        default="fonts/",
        nothing="",
        empty="the bundled font is the only one",
    )
    CUSTOM_ACTION_TYPES = Setting(
        _NAMES,
        "The types of action that `POST /actions/custom` takes for the external service.",
        default="",
        nothing=(),
        skipped="`POST /actions/custom` takes no action",
    )
    EXTERNAL_SERVICES_SECRET = Setting(
        Text("the name of a secret"),
        "The secret in Secrets Manager with the address and the keys of the external service and of the synced API.",
        default="darkroom/{stage}/external-services",
    )
    API_BASE_URL = Setting(
        URL,
        "The public address of the API, which the external service calls back; a deploy records it.",
        default="",
        nothing="",
        empty="the external service gets no address to call back",
    )
    ALLOW_PRIVATE_ADDRESSES = Setting(
        Flag(),
        "Whether webhooks and other addresses that users choose may lead into private networks.",
        default="false",
    )


class Jobs:
    """Scheduled jobs, and how long things are kept"""

    SCHEDULES_OFF = Setting(
        ListOf(Choice(SCHEDULES)),
        "The schedules that the stage does not have.",
        default="",
        nothing=(),
        empty="all schedules run",
        source=Source.ENVIRONMENT,
    )
    EXTERNAL_API_URL = Setting(
        URL,
        "The API whose customers the sync jobs copy.",
        default="",
        nothing="",
        skipped="the sync jobs copy no customers",
    )
    ENABLE_BATCH_PROCESSING = Setting(
        Flag(), "Whether a sync writes in batches and in parallel, and not one record after the other.", default="true"
    )
    # A transaction of DynamoDB takes 100 writes, and the lease is one of them.
    BATCH_SIZE = Setting(Whole(1, 99), "The size of a sync's batches.", default="10", unit="records")
    BATCH_PAUSE_MS = Setting(Whole(0), "The pause of a sync between two batches.", default="0", unit="milliseconds")
    KEEP_RECORDS_DAYS = Setting(
        Whole(0, _MOST_DAYS),
        "How long deactivated and archived records stay in the table.",
        default="30",
        unit="days",
    )
    USAGE_KEEP_DAYS = Setting(
        Whole(1, _MOST_DAYS), "How long the usage record of each run is kept.", default="90", unit="days"
    )


GROUPS = (Uploads, Variants, Limits, Actions, Jobs, Stage, Resources)


class Settings(Uploads, Variants, Limits, Actions, Jobs, Stage, Resources):
    """Every setting."""


ALL: Mapping[str, Setting[Any]] = {
    name: each for group in GROUPS for name, each in vars(group).items() if isinstance(each, Setting)
}
