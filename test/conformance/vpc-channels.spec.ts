import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { ServedProcess } from '../support/process.js';
import { type Client, TestService } from '../support/service.js';

const ROUNDS = 10;

/** Two services on one database, which share no memory. */
onBothDatabases((name) => {
  let test: TestDatabase;
  let processes: ServedProcess[];
  let one: Client;
  let two: Client;
  let gateway: string;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}/vpc-channels${path}`;

  beforeAll(async () => {
    test = await createTestDatabase(name);
    processes = await Promise.all([ServedProcess.start(test.env), ServedProcess.start(test.env)]);
    [one, two] = (await Promise.all(processes.map((served) => served.admin()))) as [Client, Client];
    gateway = await one.gateway();
  });
  afterAll(async () => {
    await Promise.all(processes.map((served) => served.stop()));
    await test.drop();
  });

  const channel = async (channelName: string): Promise<string> => {
    const member_groups = [{ member_group_name: 'blue' }];
    const { status, body } = await one.post(at(''), { name: channelName, port: 80, member_type: 'ip', member_groups });
    expect(status).toBe(201);
    return body.id;
  };
  const byTurns = (times: number, act: (client: Client, i: number) => Promise<{ status: number; body: any }>) =>
    Promise.all(Array.from({ length: times }, (_, i) => act(i % 2 ? one : two, i)));

  it(`a member that is added ten times through two services exists once and is complete, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const id = await channel(`member_${round}`);
      const members = ['', 'blue'].map((member_group_name) => ({ host: '192.0.2.1', port: 0, member_group_name }));
      const answers = await byTurns(10, (client, i) =>
        client.post(at(`/${id}/members`), { members: members.map((member) => ({ ...member, port: i % 4 < 2 ? 0 : 80, weight: i })) }),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
      const { body } = await one.get(at(`/${id}/members`));
      expect(body.members).toMatchObject([
        { host: '192.0.2.1', port: 80, member_group_name: '' },
        { host: '192.0.2.1', port: 80, member_group_name: 'blue' },
      ]);
      expect(new Set(body.members.map(({ weight }: { weight: number }) => weight)).size).toBe(1);
      for (const answer of answers) expect(answer.body.members.map((member: any) => member.id)).toEqual(body.members.map((m: any) => m.id));
    }
  });

  it('a group that is added ten times through two services exists once', async () => {
    const id = await channel('groups');
    const answers = await byTurns(10, (client, i) =>
      client.post(at(`/${id}/member-groups`), { member_groups: [{ member_group_name: 'same', member_group_weight: i }] }),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
    expect(new Set(answers.map(({ body }) => body.member_groups[0].member_group_id)).size).toBe(1);
    expect((await one.get(at(`/${id}/member-groups`))).body.total).toBe(2);
  });

  it('if two groups get the same new name ten times through two services, only the changes of one group succeed', async () => {
    const id = await channel('renames');
    const made = await one.post(at(`/${id}/member-groups`), {
      member_groups: [{ member_group_name: 'left' }, { member_group_name: 'right' }],
    });
    const [left, right] = made.body.member_groups.map((group: any) => group.member_group_id);
    const answers = await byTurns(10, (client, i) =>
      client.put(at(`/${id}/member-groups/${i % 4 < 2 ? left : right}`), { member_group_name: 'middle' }),
    );
    const won = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.member_group_id));
    expect(won.size).toBe(1);
    for (const { status, body } of answers) if (status !== 200) expect([status, body.error_code]).toEqual([400, 'APIG.2011']);
  });

  it(`a member that is added while its group is deleted is deleted too or refused, ${ROUNDS} times`, async () => {
    const id = await channel('races');
    for (let round = 0; round < ROUNDS; round++) {
      const group = { member_group_name: `group_${round}` };
      const { member_group_id } = (await one.post(at(`/${id}/member-groups`), { member_groups: [group] })).body.member_groups[0];
      const [added, deleted] = await Promise.all([
        one.post(at(`/${id}/members`), { members: [{ host: 'h', ...group }] }),
        two.delete(at(`/${id}/member-groups/${member_group_id}`)),
      ]);
      expect(deleted.status).toBe(204);
      if (added.status !== 201)
        expect([added.status, added.body.error_msg]).toEqual([400, expect.stringContaining('members[0].member_group_name')]);
      expect((await one.get(at(`/${id}/members`))).body.total).toBe(0);
    }
  });

  it('the quota of members is not exceeded through two services', async () => {
    const id = await channel('quota');
    const answers = await byTurns(30, (client, i) =>
      client.post(at(`/${id}/members`), { members: Array.from({ length: 10 }, (_, j) => ({ host: `h${i}-${j}` })) }),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(10);
    expect((await one.get(at(`/${id}/members`))).body.total).toBe(200);
  });

  it('the database refuses a second member in one place, and a second group of one name', async () => {
    const service = await TestService.start(test);
    try {
      const id = await channel('unique');
      await one.post(at(`/${id}/members`), { members: [{ host: 'h' }] });
      const database = service.app.get(Database);
      for (const table of ['vpc_channel_members', 'vpc_channel_groups']) {
        const [row] = await database.rows<Record<string, string | number>>(`SELECT * FROM ${table} WHERE channel_id = ?`, [id]);
        const columns = Object.keys(row!);
        const again = database.transaction((tx) =>
          tx.run(
            `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
            columns.map((column) => {
              const value = row![column]!;
              return column === 'id' ? 'another' : typeof value === 'object' ? JSON.stringify(value) : value;
            }),
          ),
        );
        await expect(again).rejects.toThrow(/unique|duplicate/i);
      }
    } finally {
      await service.stop();
    }
  });
});
