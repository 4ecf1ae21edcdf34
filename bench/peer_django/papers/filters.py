"""Filters of the list: category, icontains and its indexed counterpart."""
from django.db.models import Lookup, Q, TextField
from rest_framework.filters import BaseFilterBackend


@TextField.register_lookup
class ILike(Lookup):
    """`column ILIKE '%text%'`, which a gin_trgm_ops index on the bare column
    answers.  Django's own icontains compares UPPER(column) and cannot."""

    lookup_name = "ilike"

    def as_sql(self, compiler, connection):
        left, params = self.process_lhs(compiler, connection)
        text = (self.rhs.replace("\\", "\\\\").replace("%", "\\%")
                .replace("_", "\\_"))
        return f"{left} ILIKE %s", [*params, f"%{text}%"]


class PaperFilter(BaseFilterBackend):
    """`category=`, `search=` (icontains) and `search_trgm=` (PostgreSQL with
    the pg_trgm index of the bench)."""

    def filter_queryset(self, request, queryset, view):
        params = request.query_params
        if category := params.get("category"):
            queryset = queryset.filter(category=category)
        if text := params.get("search"):
            queryset = queryset.filter(Q(title__icontains=text)
                                       | Q(abstract__icontains=text))
        if text := params.get("search_trgm"):
            queryset = queryset.filter(Q(title__ilike=text)
                                       | Q(abstract__ilike=text))
        return queryset
