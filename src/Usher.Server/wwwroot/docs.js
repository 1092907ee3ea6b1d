// Shows the OpenAPI document with Swagger UI. No other server is contacted.
'use strict';

const operations = document.getElementById('operations');

SwaggerUIBundle({
  domNode: operations,
  url: operations.dataset.source,
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  filter: true,
  validatorUrl: null,
});
