"""Every test that takes `site` runs against the embedded server and against OpenSSH with chroot."""

from collections.abc import Iterator

import pytest

from tests.support.openssh import Site, embedded, openssh


@pytest.fixture(scope="session", params=["embedded", "openssh"])
def running_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server of each kind for all tests of a worker."""
    if request.param == "embedded":
        with embedded(tmp_path_factory.mktemp("sftp")) as site:
            yield site
    else:
        with openssh() as site:
            yield site


@pytest.fixture
def site(running_site: Site) -> Site:
    """A server with empty folders."""
    running_site.empty()
    return running_site
