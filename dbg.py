import sys
from tests.crashes import stage as S, runner as R
from tests.crashes.points import all_points
orig=R.Outcome.differences
def d(self, found, way):
    x=orig(self, found, way); print("  round", round(R.CLOCK._offset/60), x[:3], dict(self.facts["audit"]), dict(found.facts["audit"]), flush=True); return x
R.Outcome.differences=d
with S.running() as st:
    r=R.Runner(st)
    r.run(all_points()["password_reset-api_handler-PutItem-2-refused_always"])
