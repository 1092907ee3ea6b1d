// Shows the API's own description by Swagger UI; nothing is asked of any other server.
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
