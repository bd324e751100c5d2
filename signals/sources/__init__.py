"""What is read besides prices: transfers, stories, scheduled events. One folder a kind; wire → parse → rows → claims."""
