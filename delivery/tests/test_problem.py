"""Who has to mend what does not pass by itself."""

import pytest

from delivery.courier.problem import Problem, problem_of

PROBLEMS: dict[Problem | None, list[int | None]] = {
    Problem.AUTH: [401, 402, 403, 407],
    Problem.CONFIG: [300, 301, 302, 304, 307, 308, 405, 409, 414, 418, 421, 451, 499],
    Problem.PAYLOAD: [400, 413, 415, 422],
    None: [None, 200, 204, 404, 406, 408, 410, 425, 429, 500, 502, 503, 599],
}


@pytest.mark.parametrize(
    ("status_code", "problem"),
    [(status, problem) for problem, statuses in PROBLEMS.items() for status in statuses],
)
def test_problems(status_code: int | None, problem: Problem | None) -> None:
    assert problem_of(status_code) is problem
