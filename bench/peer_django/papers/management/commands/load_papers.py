"""Fill the table by bulk insert from a file of one JSON paper per line."""
import json
from itertools import islice

from django.core.management.base import BaseCommand
from django.db import connection, transaction

from papers.models import Paper
from papers.views import paper_defaults

BATCH = 2000


def read_papers(path):
    """Each line of the file as an unsaved row."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            paper = json.loads(line)
            yield Paper(url=paper["url"],
                        **paper_defaults(paper, "arxiv"))


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("file")

    def handle(self, *args, file, **options):
        rows = read_papers(file)
        with transaction.atomic():
            while batch := list(islice(rows, BATCH)):
                Paper.objects.bulk_create(batch)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self.stdout.write(f"{Paper.objects.count()}")
