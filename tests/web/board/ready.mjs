// Ends well if there is everything that the board's tests need.

import "axe-core";
import { chromium } from "./browser.mjs";

process.exit(chromium() ? 0 : 1);
