import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { onRequestHookHandler } from 'fastify';
import { VERSION } from '../config/config.js';
import { complete } from './complete.js';
import { ERROR_SCHEMAS } from './errors.js';
import { ABOUT, TAGS } from './words.js';

const REFERENCE = '/docs';

/** The page works with what this service serves, and the browser holds it to that. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

const base = (): Omit<OpenAPIObject, 'paths'> => ({
  openapi: '3.1.0',
  info: {
    title: 'Signet',
    version: VERSION,
    description: ABOUT,
    license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  },
  servers: [{ url: '/', description: 'The service that serves this document' }],
  security: [{ token: [] }, { signature: [] }],
  tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  components: {
    schemas: { ...ERROR_SCHEMAS },
    securitySchemes: {
      api_key: { type: 'http', scheme: 'bearer', description: 'An API key of POST /v1/api-keys or `signet api-key create`' },
      machine: {
        type: 'http',
        scheme: 'bearer',
        description: 'The token of a credential that POST …/gateway-tokens or `signet gateway-token` made for the gateway in the path',
      },
      signature: {
        type: 'apiKey',
        in: 'header',
        name: 'Authorization',
        description:
          'A signature with an access key: `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…` and `X-Sdk-Date`, for a temporary key `X-Security-Token`; where the path names no project, a signed `X-Project-Id` does',
      },
      token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token', description: 'A token of POST /v3/auth/tokens, scoped to the project' },
    },
  },
});

/**
 * The OpenAPI document of every route that a controller declares.
 * @param app may be a preview: nothing of it runs
 */
export const describe = (app: INestApplication): OpenAPIObject => complete(SwaggerModule.createDocument(app, base()));

/** `/openapi.json` and, for people, `/docs`; both public. They stand before the guard, on the adapter, and hold nothing of a project. */
export function serveReference(app: NestFastifyApplication): void {
  const policy: onRequestHookHandler = (_request, reply, done) => {
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    done();
  };
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRoute', (route) => {
      if (`${route.url}/`.startsWith(`${REFERENCE}/`)) route.onRequest = [route.onRequest ?? [], policy].flat();
    });
  SwaggerModule.setup(REFERENCE, app, () => describe(app), {
    jsonDocumentUrl: '/openapi.json',
    raw: ['json'],
    customSiteTitle: 'Signet API reference',
    // The default sends the document's address to a validator on the internet.
    swaggerOptions: { validatorUrl: null, displayOperationId: true, docExpansion: 'none' },
  });
}
