"""What a browser or a generator of clients reads: the API's contract."""

from chalicelib.web.contract import CONTRACT, contract, get_contract
