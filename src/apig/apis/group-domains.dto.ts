import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsDefined, IsOptional, Matches, ValidateBy } from 'class-validator';
import { ZeroMeansNotGiven } from '../../platform/common/left-out.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { padded, placeholders, type Reads } from '../../platform/database/tx.js';
import { OptionalFlag, OptionalOneOf, Text } from './fields.js';
import { GroupDomain } from './group-domain.entity.js';
import { fromJson } from './listing.js';

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const DOMAIN = new RegExp(`^(?:\\*\\.)?(?:${LABEL}\\.){1,7}[A-Za-z]{2,64}\\.?$`);
export const isDomain = (text: string) => DOMAIN.test(text);
export const hostOf = (domain: string) => domain.toLowerCase().replace(/\.$/, '');

const CERTIFICATE_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** A port on which the gateway listens for the domain: the usual port, a custom port, or -1 for none. */
const OptionalIngressPort = (usual: number) => {
  const validate = (port: unknown) =>
    port === usual || port === -1 || (Number.isInteger(port) && (port as number) >= 1024 && (port as number) <= 49_151);
  const rule = `must be ${usual}, -1 or 1024 to 49151`;
  return applyDecorators(
    ApiPropertyOptional({ type: 'integer', default: usual, description: `${usual}, -1 for none, or 1024 to 49151` }),
    ZeroMeansNotGiven(),
    ValidateBy({ name: 'ingressPort', validator: { validate, defaultMessage: () => `$property ${rule}` } }),
    IsOptional(),
  );
};

/** Body of modify (docs/contracts/apig.md §3.10). */
export class DomainSettingsInput {
  @OptionalOneOf(['TLSv1.1', 'TLSv1.2'], { default: 'TLSv1.1' }) min_ssl_version?: string;
  @OptionalFlag({ default: false }) is_http_redirect_to_https?: boolean;
  @OptionalIngressPort(80) ingress_http_port?: number;
  @OptionalIngressPort(443) ingress_https_port?: number;
}

/** Body of create (docs/contracts/apig.md §3.10). The service checks the format of the domain, because that error has its own code. */
export class DomainInput extends DomainSettingsInput {
  @Text(255, { description: 'Unique within the gateway, regardless of case and a trailing dot' }) url_domain: string;
}

/** Body of `certificates/attach` and `certificates/detach`. Contains the id of a certificate, never the certificate or its key. */
export class DomainCertificatesInput {
  @ApiProperty({ type: [String], pattern: CERTIFICATE_ID.source, minItems: 1, maxItems: 1 })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(1)
  @Matches(CERTIFICATE_ID, { each: true })
  certificate_ids: string[];

  @OptionalFlag({ default: false }) verified_client_certificate_enabled?: boolean;
}

/** The stored settings of a domain. */
export interface DomainSettings {
  min_ssl_version: string;
  is_http_redirect_to_https: boolean;
  ingress_http_port: number;
  ingress_https_port: number;
  verified_client_certificate_enabled: boolean;
  /** The id of the attached certificate; absent if there is none. */
  ssl_id?: string;
}

export const NEW_SETTINGS: DomainSettings = {
  min_ssl_version: 'TLSv1.1',
  is_http_redirect_to_https: false,
  ingress_http_port: 80,
  ingress_https_port: 443,
  verified_client_certificate_enabled: false,
};

/** Returns the settings after a create or a modify, in which omitted fields keep their values. */
export const settingsAfter = (before: DomainSettings, input: DomainSettingsInput): DomainSettings => ({
  ...before,
  min_ssl_version: input.min_ssl_version ?? before.min_ssl_version,
  is_http_redirect_to_https: input.is_http_redirect_to_https ?? before.is_http_redirect_to_https,
  ingress_http_port: input.ingress_http_port ?? before.ingress_http_port,
  ingress_https_port: input.ingress_https_port ?? before.ingress_https_port,
});

class DomainSettingsView {
  @ApiProperty() id: string;
  @ApiProperty() min_ssl_version: string;
  @ApiProperty() is_http_redirect_to_https: boolean;
  @ApiProperty() verified_client_certificate_enabled: boolean;
  @ApiProperty({ type: 'integer' }) ingress_http_port: number;
  @ApiProperty({ type: 'integer' }) ingress_https_port: number;
}

/** A domain, in the responses of create and modify. */
export class GroupDomainView extends DomainSettingsView {
  @ApiProperty() url_domain: string;
  @ApiProperty({ type: 'integer', description: 'Always 1, because Signet does not resolve the name' }) status: number;
}

class DomainCertificateView {
  @ApiProperty() ssl_id: string;
  @ApiProperty({ description: 'Always empty' }) ssl_name: string;
}

/** A domain, in the response about its group (docs/contracts/apig.md §3.10). */
export class UrlDomainView extends DomainSettingsView {
  @ApiProperty() domain: string;
  @ApiProperty({ type: 'integer', description: 'Always 1, because Signet does not resolve the name' }) cname_status: number;
  @ApiProperty({ description: 'Empty for a domain without a certificate' }) ssl_id: string;
  @ApiProperty({ description: 'Always empty' }) ssl_name: string;
  @ApiProperty({ type: [DomainCertificateView] }) ssl_infos: DomainCertificateView[];
}

/** A row of `group_domains`. */
export const DOMAIN_ROW = columnsOf(GroupDomain, 'd').pick('id', 'groupId', 'urlDomain', 'settings');
export type DomainRow = RowOf<typeof DOMAIN_ROW>;

export const settingsOf = (row: Pick<DomainRow, 'settings'>): DomainSettings => fromJson<DomainSettings>(row.settings);

export function toGroupDomainView(row: DomainRow): GroupDomainView {
  const settings = settingsOf(row);
  delete settings.ssl_id;
  return { id: row.id, url_domain: row.urlDomain, status: 1, ...settings };
}

/** Returns the domains of groups, for each group in the order of creation. */
export async function domainsOf(db: Pick<Reads, 'rows'>, groupIds: readonly string[]): Promise<Map<string, UrlDomainView[]>> {
  const domains = new Map<string, UrlDomainView[]>(groupIds.map((id) => [id, []]));
  if (groupIds.length === 0) return domains;
  const ids = padded(groupIds);
  const sql = `SELECT ${DOMAIN_ROW.select} FROM group_domains d WHERE d.group_id IN (${placeholders(ids)}) ORDER BY d.id`;
  for (const row of await db.rows<DomainRow>(sql, ids)) domains.get(row.groupId)?.push(toUrlDomainView(row));
  return domains;
}

function toUrlDomainView(row: DomainRow): UrlDomainView {
  const { ssl_id = '', ...settings } = settingsOf(row);
  const ssl_infos = ssl_id === '' ? [] : [{ ssl_id, ssl_name: '' }];
  return { id: row.id, domain: row.urlDomain, cname_status: 1, ssl_id, ssl_name: '', ...settings, ssl_infos };
}
