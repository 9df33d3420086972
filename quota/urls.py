"""The pages of an account, under ``/a/<account>/``."""

from django.urls import path

from quota.views import images, orders, purchase, scan, tasks

app_name = "quota"
urlpatterns = [
    path("", images.front, name="front"),
    path("images/local", images.images, name="images"),
    path("images/local/update", images.update, name="update-images"),
    path("images/local/selection", images.selection, name="selection"),
    path("images/local/scan", scan.scan_now, name="scan-now"),
    path("images/local/scan/estimate", scan.estimate, name="scan-estimate"),
    path("images/local/<str:digest>", images.image, name="image"),
    path("tasks", tasks.tasks, name="tasks"),
    path("tasks/<int:task>", tasks.task, name="task"),
    path("tasks/<int:task>/stop", tasks.stop, name="stop-task"),
    path("subscription/purchase", purchase.purchase, name="purchase"),
    path("subscription/purchase/quote", purchase.quote, name="purchase-quote"),
    path("orders", orders.orders, name="orders"),
    path("orders/<int:number>", orders.order, name="order"),
]
