from urllib.parse import parse_qs, unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from seawall.server.pages import paths


@given(st.text(min_size=1))
def test_a_name_stays_one_step_of_the_path_whatever_it_holds(name):
    path = paths.version(name, "v1")
    assert path.count("/") == 4
    assert unquote(path.split("/")[2], errors="surrogatepass") == name


def test_a_query_leaves_out_what_is_empty():
    path = paths.query("/", q="a b&c", tier="", page=2)
    assert parse_qs(urlsplit(path).query) == {"q": ["a b&c"], "page": ["2"]}
    assert paths.query("/", q="") == "/"
