import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Form, Input, List, Typography } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate } from 'react-router';
import type { Schema } from 'signet-client';
import { anonymous, withToken } from '../../api/client.ts';
import { type Session, session, useSession } from '../../app/session.ts';
import { Name } from '../../parts/text.tsx';
import { Nothing } from '../../parts/page.tsx';
import { Trouble } from '../../parts/trouble.tsx';

interface Credentials {
  user?: string;
  password?: string;
  domain?: string;
  token?: string;
}

type Project = { id: string; name: string };
type Login = { token: string } & Omit<Session, 'project'> & { project?: Project | undefined };

type Identity = Schema<'TokenInput'>['auth']['identity'];

/** Asks the identity service for a token; with a project, the token is for that project. */
async function logIn(identity: Identity, projectId?: string): Promise<Login> {
  const { data, response } = await anonymous.POST('/v3/auth/tokens', {
    params: { query: { nocatalog: '' } },
    body: { auth: { identity, ...(projectId !== undefined && { scope: { project: { id: projectId } } }) } },
  });
  const { user, project, expires_at } = data.token;
  return { token: response.headers.get('X-Subject-Token') ?? '', expiresAt: Date.parse(expires_at), user, project };
}

const passwordOf = ({ user = '', password = '', domain = '' }: Credentials): Identity => ({
  methods: ['password'],
  password: { user: { name: user, password, domain: { name: domain } } },
});
const tokenOf = (id: string): Identity => ({ methods: ['token'], token: { id } });

/** Signing in: first who, then for which project; a person with one project is not asked. */
export function SignIn() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { from = '/', projects: change = false } = (useLocation().state ?? {}) as { from?: string; projects?: boolean };
  const current = useSession();
  const [byToken, setByToken] = useState(false);
  const [choice, setChoice] = useState<{ login: Login; projects: Project[] }>();
  useEffect(() => {
    document.title = 'Signet';
  }, []);

  const enter = (login: Login, to: string) => {
    queries.clear();
    session.set(login as Session);
    void navigate(to, { replace: true });
  };
  const offer = async (login: Login, to: string) => {
    const { projects } = (await withToken(login.token).GET('/v3/auth/projects')).data;
    const [only] = projects;
    if (only && projects.length === 1) enter(await logIn(tokenOf(login.token), only.id), to);
    else setChoice({ login, projects });
  };
  const start = useMutation({
    mutationFn: async (given: Credentials) => offer(await logIn(byToken ? tokenOf(given.token ?? '') : passwordOf(given)), from),
  });
  const pick = useMutation({
    mutationFn: async ({ id }: Project) => enter(await logIn(tokenOf(choice!.login.token), id), change ? '/' : from),
  });
  const again = useMutation({ mutationFn: async () => offer(current as Login, '/') });
  const { mutate: chooseAgain } = again;
  useEffect(() => {
    if (change && current) chooseAgain();
    // Once, with the session that this page was opened with.
  }, []);

  const failed = start.error ?? pick.error ?? again.error;
  return (
    <main className="sign-in">
      <Card style={{ width: '100%', maxWidth: 400 }}>
        <Flex vertical gap="middle">
          <Typography.Title level={1} style={{ margin: 0, fontSize: '1.5rem' }}>
            {choice ? t('signIn.chooseProject') : t('signIn.title')}
          </Typography.Title>
          {!choice && from !== '/' && <Alert type="info" showIcon title={t('signIn.ended')} />}
          <Trouble error={failed} />
          {choice ? (
            choice.projects.length === 0 ? (
              <Nothing text={t('signIn.noProject')} />
            ) : (
              <List
                dataSource={choice.projects}
                renderItem={(project) => (
                  <List.Item>
                    <Button block loading={pick.isPending && pick.variables?.id === project.id} onClick={() => pick.mutate(project)}>
                      <Name>{project.name}</Name>
                    </Button>
                  </List.Item>
                )}
              />
            )
          ) : (
            <Form<Credentials>
              layout="vertical"
              requiredMark={false}
              initialValues={{ domain: 'default' }}
              onFinish={(given) => start.mutate(given)}
            >
              {byToken ? (
                <Form.Item name="token" label={t('signIn.token')} rules={[{ required: true, message: t('common.required') }]}>
                  <Input.Password autoComplete="off" autoFocus />
                </Form.Item>
              ) : (
                <>
                  <Form.Item name="user" label={t('signIn.user')} rules={[{ required: true, message: t('common.required') }]}>
                    <Input autoComplete="username" autoFocus />
                  </Form.Item>
                  <Form.Item name="password" label={t('signIn.password')} rules={[{ required: true, message: t('common.required') }]}>
                    <Input.Password autoComplete="current-password" />
                  </Form.Item>
                  <Form.Item name="domain" label={t('signIn.domain')} rules={[{ required: true, message: t('common.required') }]}>
                    <Input />
                  </Form.Item>
                </>
              )}
              <Flex justify="space-between" gap="small" wrap>
                <Button type="link" style={{ paddingInline: 0 }} onClick={() => setByToken(!byToken)}>
                  {byToken ? t('signIn.withPassword') : t('signIn.withToken')}
                </Button>
                <Button type="primary" htmlType="submit" loading={start.isPending}>
                  {t('signIn.submit')}
                </Button>
              </Flex>
            </Form>
          )}
        </Flex>
      </Card>
    </main>
  );
}
