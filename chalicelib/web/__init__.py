"""What browsers get: the pages of the API's documentation."""

from chalicelib.web.schemas import ASSET
from chalicelib.web.service import send_asset, send_docs
