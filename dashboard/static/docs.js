// The API's documentation: Swagger UI over our own document.
const place = document.getElementById("docs");
SwaggerUIBundle({ url: place.dataset.document, domNode: place, deepLinking: true, validatorUrl: null });
