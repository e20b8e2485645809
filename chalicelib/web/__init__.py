"""What browsers and generators of clients read: the API's contract, and its pages."""

from chalicelib.web.contract import CONTRACT, contract, get_contract
from chalicelib.web.schemas import ASSET, DOCS, FILE, PAGE
from chalicelib.web.service import send_asset, send_docs, send_page
