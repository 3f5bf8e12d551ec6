"""The pages in a real browser: every journey by mouse and by keyboard, under the policy that is served, with nothing from elsewhere."""
