import { hash } from 'node:crypto';
import { v7 } from 'uuid';

/** A row of the list as it leaves the database. */
export interface SignRow {
  id: string;
  name: string;
  signType: string;
  signKey: string;
  sealedSecret: string;
  createdAt: number;
  updatedAt: number;
  bindNum: number;
  total: number;
}

export interface Scope {
  projectId: string;
  instanceId: string;
}

export interface NewSign {
  id: string;
  name: string;
  signType: string;
  signKey: string;
  signSecret: string;
  now: number;
}

/** What the floor's routes need of a database. */
export interface Store {
  list(scope: Scope, page: { id?: string; limit: string; offset: string }): Promise<SignRow[]>;
  create(scope: Scope, sign: NewSign): Promise<void>;
  /** False when there is no such key. */
  delete(scope: Scope, signId: string, now: number): Promise<boolean>;
}

export type Value = string | number | null;

export const newId = () => v7().replaceAll('-', '');

/** The CHECK on the column wants a sealed value; the floor seals nothing, so it stores this and the secret's own letters. */
const inColumn = (secret: string) => `K1.${secret.padEnd(60, '.')}`;

export const signValues = ({ projectId, instanceId }: Scope, { id, name, signType, signKey, signSecret, now }: NewSign): Value[] => [
  id,
  projectId,
  instanceId,
  name,
  signType,
  null,
  signKey,
  inColumn(signSecret),
  1,
  now,
  now,
];

/** An audit row of the same width, chained like the service's: a row without its hash would not be the row. */
export function auditValues(
  { projectId, instanceId }: Scope,
  revision: number,
  { action, signId, name, detail, now }: { action: string; signId: string; name: string; detail: string | null; now: number },
  previous: string,
): Value[] {
  const user = '0123456789abcdef0123456789abcdef';
  const values = [
    instanceId,
    revision,
    projectId,
    action,
    'Signature',
    signId,
    name,
    detail,
    user,
    'admin',
    user.slice(16),
    '127.0.0.1',
    newId(),
    now,
  ];
  return [...values, hash('sha256', JSON.stringify([previous, ...values]), 'hex')];
}

export const changeValues = ({ instanceId }: Scope, revision: number, signId: string, op: string, now: number): Value[] => [
  instanceId,
  revision,
  0,
  'sign',
  signId,
  op,
  newId(),
  now,
];
