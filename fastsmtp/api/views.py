"""What views of one record share."""

from typing import Any

from rest_framework.generics import RetrieveUpdateDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response


class RecordView(RetrieveUpdateDestroyAPIView):
    """PUT and PATCH both change only what is sent; DELETE answers with a sentence."""

    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.partial_update(request, *args, **kwargs)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        record = self.get_object()
        noun, name = record._meta.verbose_name.capitalize(), str(record)
        self.perform_destroy(record)
        return Response({"message": f"{noun} {name} deleted"})
