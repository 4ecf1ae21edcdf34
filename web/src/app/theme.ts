import { createTheme } from '@mantine/core';

/** The look is in tokens.css, which Mantine's variables follow. */
export const theme = createTheme({
  primaryColor: 'indigo',
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
});
