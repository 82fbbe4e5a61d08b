"""The helper process in which untrusted regular expressions and chat templates run, with deadlines and a memory limit."""
