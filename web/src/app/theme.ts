import { createTheme, Tooltip } from '@mantine/core';

/** The look is in tokens.css, which Mantine's variables follow. */
export const theme = createTheme({
  primaryColor: 'indigo',
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Tooltip: Tooltip.extend({
      defaultProps: { openDelay: 350, events: { hover: true, focus: true, touch: false } },
    }),
  },
});
