"""The two paths that are compared."""
from django.urls import path

from papers.views import PaperList, scraper_complete_webhook

urlpatterns = [
    path("api/papers/", PaperList.as_view()),
    path("api/webhooks/scraper-complete/", scraper_complete_webhook),
]
