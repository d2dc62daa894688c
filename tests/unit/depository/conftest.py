"""The books that the tests here work on."""

from tests.support.books_fixtures import books, books_url, desk, lite, loaded_postgres, loaded_sqlite, sandbox

__all__ = ["books", "books_url", "desk", "lite", "loaded_postgres", "loaded_sqlite", "sandbox"]
