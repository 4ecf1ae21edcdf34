"""Papers and scraper jobs, with an index for every ordering that is offered.

The descending indexes carry the id as second column, so that the page order
is total and a LIMIT is read straight from the index.
"""
from django.db import models


class Paper(models.Model):
    """One arXiv paper; its identity is the canonical URL."""

    title = models.TextField()
    abstract = models.TextField()
    authors = models.TextField()
    url = models.URLField(max_length=300, unique=True)
    pdf_url = models.URLField(max_length=300, blank=True)
    source = models.CharField(max_length=32)
    source_id = models.CharField(max_length=64)
    version = models.PositiveIntegerField(default=1)
    category = models.CharField(max_length=32)
    relevance_score = models.FloatField(default=0.5)
    tags = models.JSONField(default=list)
    arxiv_categories = models.JSONField(default=list)
    primary_category = models.CharField(max_length=32, blank=True)
    doi = models.CharField(max_length=300, blank=True)
    journal_ref = models.TextField(blank=True)
    comment = models.TextField(blank=True)
    published_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["-published_at", "-id"],
                         name="paper_published"),
            models.Index(fields=["-relevance_score", "-id"],
                         name="paper_relevance"),
            models.Index(fields=["title", "id"], name="paper_title"),
            models.Index(fields=["-created_at", "-id"],
                         name="paper_created"),
            models.Index(fields=["category", "-published_at", "-id"],
                         name="paper_category"),
            models.Index(fields=["source", "-published_at", "-id"],
                         name="paper_source"),
        ]


class ScraperJob(models.Model):
    """One delivery of a scraper."""

    job_id = models.CharField(max_length=64, unique=True)
    source = models.CharField(max_length=32)
    status = models.CharField(max_length=16)
    papers_found = models.PositiveIntegerField(default=0)
    start_time = models.DateTimeField(auto_now_add=True)
    end_time = models.DateTimeField(null=True)
