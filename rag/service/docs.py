"""The page that shows what can be asked, and lets it be tried."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from rag.service.headers import page_policy

_STATIC = "/static-offline-docs"  # where fastapi_offline puts Swagger UI


def install(app: FastAPI) -> None:
    """Add the page at /docs; it loads nothing from elsewhere."""
    # Not a function of the app's own: FastAPI keeps those that it has seen, and the app with it.
    app.get("/docs", include_in_schema=False)(get_docs)


async def get_docs(request: Request) -> HTMLResponse:
    """Send the page."""
    app, root = request.app, request.scope.get("root_path", "")
    page = get_swagger_ui_html(
        openapi_url=f"{root}{app.openapi_url}",
        title=f"{app.title}: what can be asked",
        swagger_js_url=f"{root}{_STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{_STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{root}{_STATIC}/favicon.png",
    )
    html = bytes(page.body).decode()
    page.headers["Content-Security-Policy"] = page_policy(html, inline_styles=True)
    return page
