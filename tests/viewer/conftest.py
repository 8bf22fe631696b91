"""Environments of the tests of the page, and the page on each."""

import pytest
from pages import make, page


@pytest.fixture(scope="module")
def env():
    return make("go2", 3)


@pytest.fixture(scope="module")
def courses():
    return make("go2_parkour_student", 3)


@pytest.fixture
def viewer(env):
    yield from page(env)


@pytest.fixture
def course_viewer(courses):
    yield from page(courses)
