"""The programs that Frontdesk is compared with, each as its users would write and run it."""
