"""The list of papers and the scraper's webhook, as the flow is drawn."""
import hmac
from functools import wraps

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework import status
from rest_framework.decorators import api_view
from rest_framework.filters import OrderingFilter
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response

from .filters import PaperFilter
from .models import Paper, ScraperJob
from .serializers import PaperSerializer


class PaperPagination(PageNumberPagination):
    """20 papers a page, at most 100."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100


class StableOrdering(OrderingFilter):
    """Ordering with the id appended in the same direction, so that pages
    neither overlap nor skip, and the composite indexes apply."""

    def get_ordering(self, request, queryset, view):
        ordering = super().get_ordering(request, queryset, view)
        descending = ordering[-1].startswith("-")
        return [*ordering, "-id" if descending else "id"]


class PaperList(ListAPIView):
    """GET /api/papers/"""

    queryset = Paper.objects.only(*PaperSerializer.Meta.fields)
    serializer_class = PaperSerializer
    pagination_class = PaperPagination
    filter_backends = [PaperFilter, StableOrdering]
    ordering_fields = ["published_at", "relevance_score", "title",
                       "created_at"]
    ordering = ["-published_at"]


def verify_webhook_signature(view):
    """Let the request through only with the shared Bearer secret."""
    @wraps(view)
    def checked(request):
        sent = request.headers.get("Authorization", "")
        wanted = f"Bearer {settings.WEBHOOK_SECRET}"
        if not hmac.compare_digest(sent.encode(), wanted.encode()):
            return Response({"error": "Invalid signature"},
                            status=status.HTTP_401_UNAUTHORIZED)
        return view(request)
    return checked


def paper_defaults(paper, source):
    """The columns of one paper of the payload, but for its identity."""
    return {
        "title": paper["title"],
        "abstract": paper["abstract"],
        "authors": ", ".join(paper["authors"]),
        "pdf_url": paper.get("pdf_url", ""),
        "source": source,
        "source_id": paper["url"].rpartition("/abs/")[2],
        "version": paper.get("version", 1),
        "category": paper["category"],
        "relevance_score": paper["relevance_score"],
        "tags": paper["tags"],
        "arxiv_categories": paper.get("arxiv_categories", []),
        "primary_category": paper.get("primary_category", ""),
        "doi": paper.get("doi", ""),
        "journal_ref": paper.get("journal_ref", ""),
        "comment": paper.get("comment", ""),
        "published_at": parse_datetime(paper["published_at"]),
    }


@api_view(["POST"])
@verify_webhook_signature
def scraper_complete_webhook(request):
    """POST /api/webhooks/scraper-complete/: one transaction for the call."""
    data = request.data
    created = 0
    with transaction.atomic():
        ScraperJob.objects.update_or_create(
            job_id=data["job_id"],
            defaults={"source": data["source"], "status": "completed",
                      "papers_found": len(data["papers"]),
                      "end_time": timezone.now()})
        for paper in data["papers"]:
            _, is_new = Paper.objects.update_or_create(
                url=paper["url"],
                defaults=paper_defaults(paper, data["source"]))
            created += is_new
    return Response({"status": "success", "papers_created": created,
                     "papers_updated": len(data["papers"]) - created},
                    status=status.HTTP_201_CREATED)
