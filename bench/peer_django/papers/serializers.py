"""The reply of the list, in the fields that the interface names."""
from rest_framework import serializers

from .models import Paper


class PaperSerializer(serializers.ModelSerializer):
    """A paper in a list."""

    class Meta:
        model = Paper
        fields = ["id", "title", "abstract", "authors", "url", "source",
                  "source_id", "category", "relevance_score", "tags",
                  "published_at", "created_at", "updated_at"]
        read_only_fields = fields
