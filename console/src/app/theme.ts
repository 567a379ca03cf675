import { theme, type ThemeConfig } from 'antd';

/** Ant Design's default colours miss the contrast that WCAG AA asks for; these reach it in both themes. */
export const themeOf = (dark: boolean): ThemeConfig => ({
  algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
  components: dark ? { Tabs: { itemSelectedColor: '#69b1ff', itemHoverColor: '#91caff', inkBarColor: '#69b1ff' } } : {},
  token: dark
    ? {
        colorPrimary: '#1554ad',
        colorLink: '#69b1ff',
        colorLinkHover: '#91caff',
        colorError: '#ff7875',
        colorSuccess: '#73d13d',
        colorWarning: '#ffc53d',
        colorInfo: '#69b1ff',
        colorTextDescription: 'rgba(255, 255, 255, 0.7)',
        colorTextTertiary: 'rgba(255, 255, 255, 0.7)',
        colorTextDisabled: 'rgba(255, 255, 255, 0.55)',
        colorTextPlaceholder: 'rgba(255, 255, 255, 0.6)',
        borderRadius: 6,
      }
    : {
        colorPrimary: '#0958d9',
        // Darker, where Ant Design's own is lighter: white on it must still be read.
        colorPrimaryHover: '#003eb3',
        colorLink: '#0958d9',
        colorLinkHover: '#003eb3',
        colorInfo: '#0958d9',
        colorError: '#cf1322',
        colorSuccess: '#237804',
        colorWarning: '#874d00',
        colorTextDescription: 'rgba(0, 0, 0, 0.65)',
        colorTextTertiary: 'rgba(0, 0, 0, 0.65)',
        colorTextDisabled: 'rgba(0, 0, 0, 0.6)',
        colorSuccessBg: '#f6ffed',
        colorWarningBg: '#fffbe6',
        colorTextPlaceholder: 'rgba(0, 0, 0, 0.6)',
        borderRadius: 6,
      },
});
