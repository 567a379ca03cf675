import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Form, Input, List, Typography } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate } from 'react-router';
import { isPasscodeRequired, userOfExpiredPassword } from 'signet-client';
import { type Session, session, useSession } from '../../app/session.ts';
import { Name } from '../../parts/text.tsx';
import { Nothing } from '../../parts/page.tsx';
import { Trouble } from '../../parts/trouble.tsx';
import { byPassword, byToken, changePassword, type Credentials, type Login, logIn, type Project, projectsOf } from './log-in.ts';
import { NewPassword } from './NewPassword.tsx';
import { Passcode } from './Passcode.tsx';

/** What the page asks for now. */
type Step =
  | { asks: 'credentials' }
  | { asks: 'password'; given: Credentials; userId: string }
  | { asks: 'passcode'; given: Credentials }
  | { asks: 'project'; login: Login; projects: Project[] };

/** Signing in: first who, then for which project; a person with one project is not asked. */
export function SignIn() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { from = '/', projects: change = false } = (useLocation().state ?? {}) as { from?: string; projects?: boolean };
  const current = useSession();
  const [withToken, setWithToken] = useState(false);
  const [step, setStep] = useState<Step>({ asks: 'credentials' });
  useEffect(() => {
    document.title = 'Signet';
  }, []);

  const enter = (login: Login, to: string) => {
    queries.clear();
    session.set(login as Session);
    void navigate(to, { replace: true });
  };
  const offer = async (login: Login, to: string) => {
    const projects = await projectsOf(login);
    const [only] = projects;
    if (only && projects.length === 1) enter({ ...(await logIn(byToken(login.token), only.id)), pasted: login.pasted }, to);
    else setStep({ asks: 'project', login, projects });
  };
  const passwordLogin = async (given: Credentials, passcode?: string) => {
    const login = await logIn(byPassword(given, passcode)).catch((error: unknown) => {
      if (isPasscodeRequired(error)) return setStep({ asks: 'passcode', given });
      const userId = userOfExpiredPassword(error);
      if (userId === undefined) throw error;
      setStep({ asks: 'password', given, userId });
    });
    if (login) await offer(login, from);
  };
  const start = useMutation({
    mutationFn: async ({ token, ...given }: Credentials & { token: string }) =>
      withToken ? offer({ ...(await logIn(byToken(token))), pasted: true }, from) : passwordLogin(given),
  });
  const renew = useMutation({
    mutationFn: async ({ given, userId, password }: { given: Credentials; userId: string; password: string }) => {
      await changePassword(userId, given.password, password);
      await passwordLogin({ ...given, password });
    },
  });
  const prove = useMutation({
    mutationFn: ({ given, passcode }: { given: Credentials; passcode: string }) => passwordLogin(given, passcode),
  });
  const pick = useMutation({
    mutationFn: async ({ login, project }: { login: Login; project: Project }) =>
      enter({ ...(await logIn(byToken(login.token), project.id)), pasted: login.pasted }, change ? '/' : from),
  });
  const again = useMutation({ mutationFn: async () => offer(current as Login, '/') });
  const { mutate: chooseAgain } = again;
  useEffect(() => {
    if (change && current) chooseAgain();
    // Once, with the session that this page was opened with.
  }, []);

  const failed = start.error ?? renew.error ?? prove.error ?? pick.error ?? again.error;
  const title = {
    credentials: t('signIn.title'),
    password: t('signIn.choosePassword'),
    passcode: t('signIn.title'),
    project: t('signIn.chooseProject'),
  }[step.asks];
  return (
    <main className="sign-in">
      <Card style={{ width: '100%', maxWidth: 400 }}>
        <Flex vertical gap="middle">
          <Typography.Title level={1} style={{ margin: 0, fontSize: '1.5rem' }}>
            {title}
          </Typography.Title>
          {step.asks === 'credentials' && from !== '/' && <Alert type="info" showIcon title={t('signIn.ended')} />}
          <Trouble error={failed} />
          {step.asks === 'password' && (
            <NewPassword
              user={step.given.user}
              busy={renew.isPending}
              onSubmit={(password) => renew.mutate({ given: step.given, userId: step.userId, password })}
            />
          )}
          {step.asks === 'passcode' && (
            <Passcode busy={prove.isPending} onSubmit={(passcode) => prove.mutate({ given: step.given, passcode })} />
          )}
          {step.asks === 'project' &&
            (step.projects.length === 0 ? (
              <Nothing text={t('signIn.noProject')} />
            ) : (
              <List
                dataSource={step.projects}
                renderItem={(project) => (
                  <List.Item>
                    <Button
                      block
                      loading={pick.isPending && pick.variables.project.id === project.id}
                      onClick={() => pick.mutate({ login: step.login, project })}
                    >
                      <Name>{project.name}</Name>
                    </Button>
                  </List.Item>
                )}
              />
            ))}
          {step.asks === 'credentials' && (
            <Form<Credentials & { token: string }>
              layout="vertical"
              requiredMark={false}
              initialValues={{ domain: 'default' }}
              onFinish={(given) => start.mutate(given)}
            >
              {withToken ? (
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
                <Button type="link" style={{ paddingInline: 0 }} onClick={() => setWithToken(!withToken)}>
                  {withToken ? t('signIn.withPassword') : t('signIn.withToken')}
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
