def test_a():
    from .nist import PROBLEMS
    assert PROBLEMS
def test_b():
    from tests.solvers.nist import PROBLEMS
    assert PROBLEMS
