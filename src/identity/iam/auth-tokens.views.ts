import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { toMicroseconds } from '../../platform/common/clock.js';
import type { Config } from '../../platform/config/config.js';
import type { Session } from './jwt-identity.js';
import { type Role, stableId } from './roles.js';

export class NamedView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
}

export class OwnedView extends NamedView {
  @ApiProperty({ type: NamedView }) domain: NamedView;
}

export class EndpointView {
  @ApiProperty() id: string;
  @ApiProperty({ enum: ['public'] }) interface: 'public';
  @ApiProperty() region: string;
  @ApiProperty() region_id: string;
  @ApiProperty({ format: 'uri' }) url: string;
}

/** A service and its URL. */
export class CatalogEntryView {
  @ApiProperty() id: string;
  @ApiProperty() type: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: [EndpointView] }) endpoints: EndpointView[];
}

export class TokenView {
  @ApiProperty({ format: 'date-time', description: 'UTC, six fractional digits' }) issued_at: string;
  @ApiProperty({ format: 'date-time', description: 'UTC, six fractional digits' }) expires_at: string;
  @ApiProperty({ type: [String] }) methods: readonly string[];
  @ApiProperty({ type: OwnedView }) user: OwnedView;
  @ApiPropertyOptional({ type: OwnedView, description: 'Present if the token is scoped to a project' }) project?: OwnedView;
  @ApiPropertyOptional({ type: NamedView, description: 'Present if the token is scoped to a domain' }) domain?: NamedView;
  @ApiPropertyOptional({ type: [NamedView], description: 'Present if the token has a scope' }) roles?: NamedView[];
  @ApiPropertyOptional({ type: [CatalogEntryView], description: 'Absent with `nocatalog`' }) catalog?: CatalogEntryView[];
}

/** Response of issuing and of validating a token (docs/contracts/apig.md §6.1). */
export class TokenAnswerView {
  @ApiProperty({ type: TokenView }) token: TokenView;
}

const owned = (row: { id: string; name: string; domainId: string; domainName: string }): OwnedView => ({
  id: row.id,
  name: row.name,
  domain: { id: row.domainId, name: row.domainName },
});

export function toTokenView(
  { claims, user, project, roles }: Session,
  known: readonly Role[],
  catalog: CatalogEntryView[] | undefined,
): TokenAnswerView {
  const scope = project
    ? { project: owned(project) }
    : claims.domainId !== undefined && { domain: { id: user.domainId, name: user.domainName } };
  return {
    token: {
      issued_at: toMicroseconds(claims.issuedAt),
      expires_at: toMicroseconds(claims.expiresAt),
      methods: claims.methods,
      user: owned(user),
      ...(scope && {
        ...scope,
        roles: roles.map((name) => ({ id: known.find((role) => role.name === name)?.id ?? stableId('role', name), name })),
      }),
      ...(catalog && { catalog }),
    },
  };
}

/**
 * Returns the services that a caller can reach. `volumev2` is intended: the opentelekomcloud provider has no setting for the endpoint of
 * APIG, and derives it from this entry (docs/contracts/apig.md §6.7). So the entry contains the URL of APIG. Services of a project require
 * a project scope.
 */
export function catalogFor({ publicUrl, region }: Config, projectId: string | undefined): CatalogEntryView[] {
  const entry = (type: string, name: string, url: string): CatalogEntryView => ({
    id: stableId('service', type),
    type,
    name,
    endpoints: [{ id: stableId(`endpoint/${region}`, type), interface: 'public', region, region_id: region, url }],
  });
  const identity = [entry('identity', 'keystone', `${publicUrl}/v3`), entry('iam', 'iam', `${publicUrl}/v3`)];
  if (projectId === undefined) return identity;
  const apig = `${publicUrl}/v2/${projectId}`;
  return [...identity, entry('apig', 'apig', apig), entry('volumev2', 'apig', apig)];
}
