"""A fake of the external services and of the API that the syncs read, with faults on demand."""

from local.fake_api.service import FakeApi as FakeApi
